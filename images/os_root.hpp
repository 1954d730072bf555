#pragma once

#include "images/build_image.hpp"
#include "images/root_directory.hpp"
#include "images/staged_tree.hpp"

namespace ros::images {

// Refuses (kUsage, saying what to do) a root that could not be an OS: without /sbin/init, and
// without the `ros` command unless that is not asked for.
void CheckOsRoot(const RootDirectory& root, RosInRoot ros_in_root);

// Adds the directories that ros-init mounts on where the root lacks them: /ros /var /home /root
// /opt /srv /etc /run /proc /sys /dev /tmp. Throws kUsage where something else has such a name.
void AddMountPoints(StagedTree& tree);

}  // namespace ros::images
