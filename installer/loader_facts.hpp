#pragma once

#include <string>

#include "installer/machine.hpp"

namespace ros::installer {

// The boot loader that a disk has, and which firmware finds it there.
struct LoaderFacts {
  std::string name;  // "GRUB"
  bool bios = false;
  bool uefi = false;

  bool operator==(const LoaderFacts&) const = default;
};

// Looks at the disk's first sector and at the boot partition; writes nothing.
LoaderFacts InspectLoader(const Machine& machine, const partitions::FatVolume& boot);

// "GRUB, for BIOS and UEFI machines"
std::string LoaderText(const LoaderFacts& loader);

}  // namespace ros::installer
