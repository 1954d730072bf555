#pragma once

#include <memory>
#include <vector>

#include "base/block_device.hpp"
#include "fuzz/sparse_disk.hpp"

namespace ros::fuzz {

// A boot partition as `ros install` makes it, with small places; made once, by mkfs.fat. Every
// input starts from it, so that its bytes are spent on what is wrong.
std::shared_ptr<const SparseDisk> SoundBootVolume();

// Offsets of what a reader follows: boot sector, FSInfo, both tables, directories, /LAYOUT.ROS.
const std::vector<Bytes>& BootVolumePlaces();

// A disk over the sound one.
std::shared_ptr<SparseDisk> NewBootVolume();

}  // namespace ros::fuzz
