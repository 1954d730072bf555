#pragma once

#include "base/block_device.hpp"
#include "bootloader/syslinux_install.hpp"
#include "installer/loader_plan.hpp"
#include "partitions/fat_volume.hpp"

namespace ros::installer {

// Compares each byte of syslinux in `parts` with what the disk starts, but for the boot state. The
// region is a range of the whole disk. A refusal where a file of the image has no place. Writes
// nothing.
LoaderComparison CompareSyslinux(const Region& boot_partition,
                                 const partitions::FatVolume& boot,
                                 const bootloader::SyslinuxParts& parts);

// Modules and configurations, then the loader with an empty boot-once, then its length, then both
// boot sectors; each synced and read back. A trial that waits is lost. A power cut leaves any of
// them half written.
void WriteSyslinuxInPlace(const Region& boot_partition,
                          partitions::FatVolume& boot,
                          const bootloader::SyslinuxParts& parts);

}  // namespace ros::installer
