#pragma once

#include <filesystem>
#include <string>

#include "base/block_device.hpp"

namespace ros::partitions {

struct StateFileSystem {
  // Its content is copied into the new file system: all owned by root, modes and times kept. Its
  // own mode and owner are not: the top is 0755, root's. May be empty.
  std::filesystem::path content;
  std::string uuid;  // of the file system
};

// Makes an ext4 in `partition` with mke2fs, on a sparse scratch file of the partition's size whose
// written blocks are then copied to the disk, and syncs. (mke2fs cannot write to the disk itself:
// it insists on O_EXCL, which is ours while we install.) Stale bytes on the disk do no harm:
// everything that is read before it is written is in the copy; inode tables are zeroed by the
// kernel after the first mount. Large disks are quick. No label. debugfs is wanted only where
// something in the content is not root's. Throws kDoesNotFit when the content is too large.
void MakeStateFileSystem(const Region& partition, const StateFileSystem& wanted);

}  // namespace ros::partitions
