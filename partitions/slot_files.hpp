#pragma once

#include <string_view>

#include "base/slot.hpp"

namespace ros::partitions {

// The names in a slot's directory, in their order in it.
inline constexpr std::string_view kKernelFile = "KERNEL";
inline constexpr std::string_view kInitrdFile = "INITRD";
inline constexpr std::string_view kUnifiedKernelFile = "LINUX.EFI";  // in the place of both
inline constexpr std::string_view kManifestFile = "MANIFEST";
inline constexpr std::string_view kConfigFile = "CONFIG";
inline constexpr std::string_view kSignaturesFile = "SIGS";
// What the slot's boot loader reads beside kernel and initrd: GRUB, or syslinux.
inline constexpr std::string_view kGrubConfigFile = "GRUB.CFG";
inline constexpr std::string_view kSumsFile = "SUMS";
inline constexpr std::string_view kSyslinuxConfigFile = "SYSLINUX.CFG";

// "/A" or "/B".
constexpr std::string_view SlotDirectory(SlotId slot) {
  return slot == SlotId::kA ? "/A" : "/B";
}

}  // namespace ros::partitions
