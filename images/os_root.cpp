#include "images/os_root.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ros::images {
namespace {

constexpr std::array<std::string_view, 5> kRosPlaces = {
    "usr/bin/ros", "usr/sbin/ros", "bin/ros", "sbin/ros", "usr/local/bin/ros"};

struct MountPoint {
  std::string_view path;
  mode_t permissions;
};

constexpr std::array<MountPoint, 12> kMountPoints = {{{"dev", 0755},
                                                      {"etc", 0755},
                                                      {"home", 0755},
                                                      {"opt", 0755},
                                                      {"proc", 0555},
                                                      {"root", 0700},
                                                      {"ros", 0755},
                                                      {"run", 0755},
                                                      {"srv", 0755},
                                                      {"sys", 0555},
                                                      {"tmp", 01777},
                                                      {"var", 0755}}};

}  // namespace

void CheckOsRoot(const RootDirectory& root, RosInRoot ros_in_root) {
  if (!root.IsRegularFile("sbin/init")) {
    throw Error(ErrorKind::kUsage,
                "the root has no /sbin/init; install an init such as systemd into the container");
  }
  const bool has_ros = std::any_of(kRosPlaces.begin(), kRosPlaces.end(), [&](const auto path) {
    return root.IsRegularFile(path);
  });
  if (!has_ros && ros_in_root == RosInRoot::kRequired) {
    throw Error(ErrorKind::kUsage,
                "the root has no `ros` command, so nothing in it could commit a trial; install ros "
                "into the container, or pass --allow-no-ros");
  }
}

void AddMountPoints(StagedTree& tree) {
  FileAttributes attributes;
  attributes.modified.tv_sec = tree.newest();
  for (const auto& [path, permissions] : kMountPoints) {
    if (tree.root().IsDirectory(path)) {
      continue;
    }
    if (tree.root().TryOpen(path, O_PATH | O_NOFOLLOW).valid()) {
      throw Error(ErrorKind::kUsage,
                  "/" + std::string(path) + " is not a directory in the root; ros mounts there");
    }
    attributes.permissions = permissions;
    tree.AddDirectory(path, attributes);
  }
}

}  // namespace ros::images
