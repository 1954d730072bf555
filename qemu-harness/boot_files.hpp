#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qemu-harness/disk_image.hpp"

namespace ros::qemu {

// A run of bytes of the disk image.
struct Extent {
  Bytes offset = 0;
  Bytes length = 0;
};

// A file of the boot partition. Read by a second, plain FAT32 reader (Microsoft FAT
// specification 1.03), so that our own is not judged by itself.
struct BootFile {
  std::string path;             // "/B/KERNEL"
  Bytes size = 0;               // as its directory entry says; 0: cannot be booted
  Bytes size_field = 0;         // where in the disk its directory entry holds the size
  std::vector<Extent> extents;  // its whole cluster chain, also what is beyond `size`
};

// All regular files of ROS-BOOT, by walking its directories.
std::vector<BootFile> ListBootFiles(const DiskImage& disk);

// One of them; throws when it is not there. `path` as in BootFile::path.
BootFile FindBootFile(const DiskImage& disk, std::string_view path);

// Reads the first `size` bytes of a file's content.
std::string ReadBootFile(const DiskImage& disk, const BootFile& file);

// "" when no cluster belongs to two files and both copies of the allocation table are the same;
// else what is wrong, in words.
std::string CheckBootPartition(const DiskImage& disk);

}  // namespace ros::qemu
