#pragma once

#include <array>
#include <cstddef>
#include <filesystem>

#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace ros::images {

struct ErofsOptions {
  UnixTime source_date_epoch = 0;  // files newer than this get this time
  std::array<std::byte, 16> uuid{};
};

// Makes an uncompressed erofs of a directory with mkfs.erofs: files keep owners, times and extended
// attributes; metadata comes first, then the content of files, in the order of their names, in
// whole blocks. Linux 5.16 and later mount it. The same directory and options give the same bytes.
// The image appears at `image`. Throws kFailed with mkfs.erofs's words.
void MakeErofs(const std::filesystem::path& directory,
               const std::filesystem::path& image,
               const ErofsOptions& options);

}  // namespace ros::images
