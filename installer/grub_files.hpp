#pragma once

#include <string>
#include <vector>

#include "bootloader/core_image.hpp"
#include "bootloader/grub_install.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {

// GRUB's files on the boot partition as `parts` bring them, each with two places: the EFI images
// (empty when there is none) and their description in each of kEfiDirectories, the script in
// another directory; and, with one place, where a signed GRUB begins. Made with these at install; a
// later boot loader goes into the spare places.
std::vector<partitions::BootFile> GrubFiles(const bootloader::GrubParts& parts);

// Writes the core image of `parts` and its description into a half of the BIOS boot partition,
// which is a range of its whole disk; synced and read back. Nothing starts it yet.
void WriteBiosGrub(const Region& bios_partition,
                   bootloader::CoreHalf half,
                   const bootloader::GrubParts& parts);

}  // namespace ros::installer
