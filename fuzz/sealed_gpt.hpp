#pragma once

#include "base/block_device.hpp"

namespace ros::fuzz {

// Makes the checksums of a disk's primary GPT right (UEFI 2.10, table 5.5), for no input finds them
// by chance. Sectors are 512 bytes.
void SealPrimaryGpt(BlockDevice& disk);

}  // namespace ros::fuzz
