#pragma once

#include <string>
#include <vector>

#include "installer/machine.hpp"

namespace ros::installer {

// The boot loader that a disk has, and which firmware finds it there.
struct LoaderFacts {
  std::string name;  // "GRUB", "syslinux"
  bool bios = false;
  bool uefi = false;
  bool secure_boot = false;  // UEFI starts a shim and a signed loader, or the owner's
  // GRUB has its configuration inside and starts unified kernels, all signed by their owner.
  bool unified_kernels = false;
  // Of what each firmware starts; empty when it is not known.
  std::string bios_version;
  std::string uefi_version;
  // Parts that are not what they say of themselves, each in a few words.
  std::vector<std::string> damage;

  bool operator==(const LoaderFacts&) const = default;
};

// Reads the disk's first sector, the core image that it names and the EFI image, and compares both
// with the digests beside them; writes nothing.
LoaderFacts InspectLoader(const Machine& machine, const partitions::FatVolume& boot);

// "GRUB 2.06-13+deb12u2, for BIOS and UEFI machines"
std::string LoaderText(const LoaderFacts& loader);

// What `ros status` says of damage, with line ends; empty where there is none.
std::string LoaderDamageText(const LoaderFacts& loader);

}  // namespace ros::installer
