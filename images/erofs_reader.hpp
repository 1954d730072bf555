#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace ros::images {

// Blocks of 4096 bytes of a file system.
struct BlockRange {
  std::uint64_t first = 0;  // kHoleBlock for a hole: zeros that are stored nowhere
  std::uint64_t count = 0;

  bool operator==(const BlockRange&) const = default;
};

inline constexpr std::uint64_t kHoleBlock = ~std::uint64_t{0};

// The bytes of an erofs image, wherever they are: a file, a slot, the root layer of an image.
struct ErofsBytes {
  std::string name;  // for messages
  Bytes size = 0;
  std::function<void(Bytes offset, MutableByteSpan into)> read;
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
  // The content of a regular file or a symbolic link: these blocks in order, neighbours joined, and
  // where they are less than `size`, the rest at byte `tail` of the image.
  std::vector<BlockRange> blocks;
  Bytes tail = 0;
};

// Calls `on_entry` for every name in an erofs image, directories before their content, names in the
// image's order, which is the order that mkfs.erofs wrote the files in.
//
// Reads images as mkfs.erofs makes them here (uncompressed, blocks of 4096 bytes), by the layout in
// Linux's Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h. Every offset and count is
// checked; a directory reached twice is an error. Throws kVerification naming the place.
void ReadErofs(const ErofsBytes& image, const std::function<void(const ErofsEntry&)>& on_entry);

// The same of an image file.
void ReadErofs(const std::filesystem::path& image,
               const std::function<void(const ErofsEntry&)>& on_entry);

// As ReadErofs, for one directory at the top ("etc") and what is below it; nothing when there is
// no such directory. Reads no more of the image than that needs.
void ReadErofsBelow(const ErofsBytes& image,
                    std::string_view directory,
                    const std::function<void(const ErofsEntry&)>& on_entry);

// Hands over the content of a regular file, or the target of a symbolic link, in order, in pieces
// of at most 1 MiB.
void ReadErofsContent(const ErofsBytes& image,
                      const ErofsEntry& entry,
                      const std::function<void(ByteSpan)>& on_piece);

}  // namespace ros::images
