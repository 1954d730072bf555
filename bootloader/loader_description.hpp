#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ros::bootloader {

// What a boot loader on a disk says of itself, for people and to find damage: it lies beside the
// loader and is switched together with it. Text:
//   ros-loader 1
//   version 2.06-13+deb12u2
//   sha256 <64 hex digits> BOOTX64.EFI
struct LoaderDescription {
  std::string version;                         // of GRUB; empty when it is not known
  std::map<std::string, std::string> digests;  // SHA-256 in hex of each file, by name

  bool operator==(const LoaderDescription&) const = default;
};

// Less than a sector for one or two files.
std::string FormatLoaderDescription(const LoaderDescription& description);

// Reads any text: lines that are not understood are passed over, and text of another kind says
// nothing. So does a version that IsLoaderVersion does not take.
LoaderDescription ParseLoaderDescription(std::string_view text);

// Letters, digits and .+~:_-, 64 characters at most: safe in GRUB's script and on a terminal.
bool IsLoaderVersion(std::string_view version);

}  // namespace ros::bootloader
