#pragma once

#include <functional>

#include "installer/loader_install.hpp"
#include "installer/loader_plan.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/partition_role.hpp"

namespace ros::installer {

// Opens a partition of the disk; that of the core images as a range of the whole disk.
using PartitionOpener = std::function<Region(partitions::PartitionRole, DeviceAccess)>;

// Compares each byte of the boot loader in `parts` with what the disk starts, and looks where a
// newer one would have its place. The disk has the same kind of loader, or GRUB is a `refusal`.
// Writes nothing; what cannot be read is not the same.
LoaderComparison CompareLoader(const PartitionOpener& open,
                               const partitions::FatVolume& boot,
                               const LoaderParts& parts);

// Does one step. Synced, and what it wrote has been read back; the switches write one sector.
void ApplyLoaderStep(const LoaderStep& step,
                     const PartitionOpener& open,
                     partitions::FatVolume& boot,
                     const LoaderParts& parts);

}  // namespace ros::installer
