#pragma once

#include <filesystem>

#include "base/block_device.hpp"

// What makes a partition and the ext4 in it larger while they are in use. No tool is needed.
namespace ros::partitions {

// How large an ext4 is, and how large it can become in a partition. Plain data.
struct Ext4Growth {
  Bytes block_size = 0;
  Bytes length = 0;
  // Whole blocks; less the last block group where that would not hold its own tables, as resize2fs
  // does. At least `length`.
  Bytes new_length = 0;

  [[nodiscard]] bool Needed() const { return new_length != length; }

  bool operator==(const Ext4Growth&) const = default;
};

// From the first 2 KiB of a partition, which is to have this length. Throws kRefused where there is
// no ext4, or one whose superblock makes no sense.
Ext4Growth InspectExt4Growth(ByteSpan start, Bytes partition_length);

// Tells the kernel that a partition of a disk, in use or not, has become larger
// (BLKPG_RESIZE_PARTITION): its node has the new length when this returns. Throws kFailed.
void ResizeKernelPartition(const std::filesystem::path& disk,
                           int number,
                           Bytes offset,
                           Bytes length);

// Grows the ext4 that is mounted at `directory` to `length` bytes (EXT4_IOC_RESIZE_FS, Linux 3.3
// and later): the kernel adds block groups one by one, each in a transaction of the file system's
// journal, so that a power cut leaves a file system that is whole and as large as it had become.
// Needs CAP_SYS_RESOURCE. Throws kFailed with the kernel's reason.
void GrowMountedExt4(const std::filesystem::path& directory, Bytes length, Bytes block_size);

}  // namespace ros::partitions
