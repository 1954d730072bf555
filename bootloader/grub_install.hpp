#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/block_device.hpp"

namespace ros::bootloader {

// GRUB for BIOS machines, made on the build host and carried in the image.
struct GrubParts {
  std::string boot_image;  // boot.img, one sector of code for the MBR
  std::string core_image;  // core.img, which holds every module that our script uses

  bool operator==(const GrubParts&) const = default;
};

// Names of the parts in the image's boot loader layer (a tar).
inline constexpr const char* kGrubBootImageName = "grub/i386-pc/boot.img";
inline constexpr const char* kGrubCoreImageName = "grub/i386-pc/core.img";

// The parts as files by name, and back. FromFiles throws kVerification when one is missing or
// cannot be what it is called; other files are passed over.
std::map<std::string, std::string> ToFiles(const GrubParts& parts);
GrubParts FromFiles(const std::map<std::string, std::string>& files);

// Runs grub-mkimage with the modules in `grub_directory` (Debian: grub-pc-bin). The same GRUB gives
// the same bytes. Throws kFailed when a tool or a module is missing.
GrubParts BuildGrubParts(const std::filesystem::path& grub_directory = "/usr/lib/grub/i386-pc");

// Writes the core image, told where it lies, to the start of the BIOS boot partition, syncs and
// reads it back. Nothing starts it until WriteBootCode. Throws kDoesNotFit when it is larger than
// the partition or the disk's sectors are not 512 bytes (GRUB's BIOS code cannot read others).
void WriteCoreImage(const Region& bios_partition, const GrubParts& parts);

// Puts boot.img into the disk's first sector, told where the core image lies, and syncs: one write
// of one sector. Bytes 0x1b8 and later (disk signature, protective partition entry, 0x55aa) are
// kept, so the partition table is written before. The disk is the device of `bios_partition`.
void WriteBootCode(const Region& bios_partition, const GrubParts& parts);

}  // namespace ros::bootloader
