#pragma once

#include "base/slot.hpp"
#include "base/unique_fd.hpp"
#include "images/manifest.hpp"
#include "partitions/fat_volume.hpp"

namespace ros::installer {

// Kernel and initrd of a slot as files in memory, which nobody can change any more.
struct SlotKernel {
  UniqueFd kernel;
  UniqueFd initrd;
};

// Reads both from the slot's folder, as a boot loader does: what is not on the disk what the
// manifest says is thrown as kVerification, naming the file. Needs memory for both.
SlotKernel ReadSlotKernel(const partitions::FatVolume& boot,
                          SlotId slot,
                          const images::ImageManifest& manifest);

}  // namespace ros::installer
