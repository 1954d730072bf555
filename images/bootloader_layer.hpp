#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::images {

// Limits of the boot loader layer.
inline constexpr std::size_t kMaxBootloaderFiles = 64;
inline constexpr Bytes kMaxBootloaderFileSize = Bytes{16} << 20U;

// The boot loader layer (docs/image-format.md): an uncompressed ustar with a few regular files. The
// same files give the same bytes.
std::string PackBootloader(const std::map<std::string, std::string>& files);

// The files of a layer by name. Throws kVerification "the boot loader layer: why" for anything but
// regular files, too many or too large ones, a name twice, and what is no tar.
std::map<std::string, std::string> UnpackBootloader(std::string_view tar);

}  // namespace ros::images
