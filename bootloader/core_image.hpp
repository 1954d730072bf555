#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/block_device.hpp"
#include "bootloader/grub_install.hpp"

namespace ros::bootloader {

// The BIOS boot partition has room for two core images. The disk's first sector names the one that
// a BIOS starts; a newer one is written into the other half and then named by one write of that
// sector. In all of these the partition is a range of its whole disk, with sectors of 512 bytes:
// GRUB's BIOS code cannot read others (kDoesNotFit).
enum class CoreHalf { kFirst, kSecond };

CoreHalf Other(CoreHalf half);

// What a description calls the core image.
inline constexpr const char* kCoreImageFile = "core.img";

// "first", "second".
std::string_view Name(CoreHalf half);

// The half that the disk's first sector names; none when it names neither.
std::optional<CoreHalf> FindStartedHalf(const Region& bios_partition);

// The core image as it lies in that half: told where its parts are, in whole sectors. Throws
// kDoesNotFit when it is larger than the half.
std::string PlaceCoreImage(const Region& bios_partition, CoreHalf half, const GrubParts& parts);

// Writes what PlaceCoreImage made to the start of the half and `description`, text of less than a
// sector, into its last sector, syncs and reads both back. Nothing starts it until WriteBootCode.
void WriteCoreImage(const Region& bios_partition,
                    CoreHalf half,
                    const std::string& placed,
                    std::string_view description);

// What lies in that half: as many sectors as its own list of blocks says; empty when that list is
// not for this half. Nothing of it is believed.
std::string ReadCoreImage(const Region& bios_partition, CoreHalf half);

// The text in the last sector of the half, whatever it is.
std::string ReadCoreDescription(const Region& bios_partition, CoreHalf half);

// Puts boot.img into the disk's first sector, told where the core image lies, and syncs: one write
// of one sector. Bytes 0x1b8 and later (disk signature, protective partition entry, 0x55aa) are
// kept, so the partition table is written before.
void WriteBootCode(const Region& bios_partition, CoreHalf half, const GrubParts& parts);

// Whether the disk's first sector is what WriteBootCode would leave there.
bool IsBootCode(const Region& bios_partition, CoreHalf half, const GrubParts& parts);

// Whether a disk's first sector has GRUB's code, as WriteBootCode leaves it.
bool HasBootCode(const BlockDevice& disk);

}  // namespace ros::bootloader
