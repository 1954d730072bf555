#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.hpp"

namespace ros::bootloader {

// Programs for UEFI as Debian ships them, signed: shim and the GRUB that it starts.
struct SignedPrograms {
  std::string shim;
  std::string grub;
};

// Reads them below `lib` ("/usr/lib"), where shim-signed and grub-efi-amd64-signed put them. Throws
// kFailed when one is missing (naming its package), is not signed, or the GRUB does not look for
// its configuration in /EFI/debian. By whom they are signed, the firmware finds out.
SignedPrograms ReadSignedPrograms(const std::filesystem::path& lib);

}  // namespace ros::bootloader
