#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace ros::images {

// Blocks of 4096 bytes of a file system.
struct BlockRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  bool operator==(const BlockRange&) const = default;
};

// One name in an erofs image.
struct ErofsEntry {
  std::string path;  // "usr/bin/sh"; "" for the root
  mode_t mode = 0;
  uid_t owner = 0;
  gid_t group = 0;
  Bytes size = 0;
  std::uint32_t links = 0;
  std::uint32_t device = 0;  // of a node, as the kernel encodes it (new_encode_dev)
  std::int64_t modified = 0;
  std::uint32_t modified_nanoseconds = 0;
  std::uint64_t inode = 0;  // its place in the image; the same for hard links
  std::vector<std::pair<std::string, std::string>> xattrs;
  // A regular file's content, in order; holes left out, neighbours joined.
  std::vector<BlockRange> blocks;
};

// Calls `on_entry` for every name in an erofs image, directories before their content, names in the
// image's order, which is the order that mkfs.erofs wrote the files in.
//
// Reads images as mkfs.erofs makes them here (uncompressed, blocks of 4096 bytes), by the layout in
// Linux's Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h. Every offset and count is
// checked; a directory reached twice is an error. Throws kVerification naming the place.
void ReadErofs(const std::filesystem::path& image,
               const std::function<void(const ErofsEntry&)>& on_entry);

}  // namespace ros::images
