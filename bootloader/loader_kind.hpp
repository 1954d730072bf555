#pragma once

#include <string_view>

namespace ros::bootloader {

// The boot loaders that a disk can have: exactly one, with one store of the boot state.
enum class LoaderKind {
  kGrub,      // BIOS and UEFI
  kSyslinux,  // BIOS
};

// "GRUB", "syslinux".
constexpr std::string_view Name(LoaderKind loader) {
  return loader == LoaderKind::kGrub ? "GRUB" : "syslinux";
}

}  // namespace ros::bootloader
