#pragma once

#include <string_view>

namespace ros::bootloader {

// The boot loaders that a disk can have: exactly one, with one store of the boot state.
enum class LoaderKind {
  kGrub,      // BIOS and UEFI
  kGrubUki,   // UEFI: GRUB that its owner has signed, and slots that are unified kernels
  kSyslinux,  // BIOS
};

// "GRUB", "syslinux".
constexpr std::string_view Name(LoaderKind loader) {
  return loader == LoaderKind::kSyslinux ? "syslinux" : "GRUB";
}

}  // namespace ros::bootloader
