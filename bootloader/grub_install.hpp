#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/block_device.hpp"

namespace ros::bootloader {

// GRUB for BIOS and UEFI machines, made on the build host and carried in the image. Core and EFI
// image hold every module that our script uses.
struct GrubParts {
  std::string boot_image;  // boot.img, one sector of code for the MBR
  std::string core_image;  // core.img
  std::string efi_image;   // an EFI program; empty in an image for BIOS machines alone

  bool operator==(const GrubParts&) const = default;
};

// Names of the parts in the image's boot loader layer (a tar).
inline constexpr const char* kGrubBootImageName = "grub/i386-pc/boot.img";
inline constexpr const char* kGrubCoreImageName = "grub/i386-pc/core.img";
inline constexpr const char* kGrubEfiImageName = "grub/x86_64-efi/grubx64.efi";

// Where UEFI firmware looks on a disk that it has no entry for (UEFI 2.10, section 3.5.1.1), and
// how much room is kept there.
inline constexpr const char* kEfiImagePath = "/EFI/BOOT/BOOTX64.EFI";
inline constexpr Bytes kEfiImagePlace = Bytes{4} << 20U;

// The parts as files by name, and back. FromFiles throws kVerification when one is missing (but for
// the EFI image) or cannot be what it is called; other files are passed over.
std::map<std::string, std::string> ToFiles(const GrubParts& parts);
GrubParts FromFiles(const std::map<std::string, std::string>& files);

// Runs grub-mkimage with the modules in `grub_directory` (Debian: grub-pc-bin) and in x86_64-efi
// beside it (grub-efi-amd64-bin). The same GRUB gives the same bytes. Throws kFailed when a tool or
// a module is missing.
GrubParts BuildGrubParts(const std::filesystem::path& grub_directory = "/usr/lib/grub/i386-pc");

// Writes the core image, told where it lies, to the start of the BIOS boot partition, syncs and
// reads it back. Nothing starts it until WriteBootCode. Throws kDoesNotFit when it is larger than
// the partition or the disk's sectors are not 512 bytes (GRUB's BIOS code cannot read others).
void WriteCoreImage(const Region& bios_partition, const GrubParts& parts);

// Puts boot.img into the disk's first sector, told where the core image lies, and syncs: one write
// of one sector. Bytes 0x1b8 and later (disk signature, protective partition entry, 0x55aa) are
// kept, so the partition table is written before. The disk is the device of `bios_partition`.
void WriteBootCode(const Region& bios_partition, const GrubParts& parts);

// Whether a disk's first sector has GRUB's code, as WriteBootCode leaves it.
bool HasBootCode(const BlockDevice& disk);

}  // namespace ros::bootloader
