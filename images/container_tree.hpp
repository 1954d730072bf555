#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/progress.hpp"
#include "images/staged_tree.hpp"

namespace ros::images {

// Where a root file system comes from and for which machine.
struct ContainerSource {
  // A directory with a root; a tar of one (plain, gzip, zstd); an OCI layout; an OCI archive or a
  // `docker save` file (packed or not). Which of these is found out from the content.
  std::filesystem::path path;
  std::string architecture;  // OCI's names
  // Where the blobs of an archive are unpacked for the time being.
  std::filesystem::path work_directory;
};

// Puts the container's root into the tree. `source.path` is only read: a directory is copied (its
// blocks shared where the file system can), because mount points are added to the root afterwards.
// The caller calls tree.Finish().
// Throws kUsage when the path is nothing of the above, kVerification for what is wrong in it,
// kFailed for I/O; each with the path.
void UnpackContainer(const ContainerSource& source, StagedTree& tree, Progress& progress);

}  // namespace ros::images
