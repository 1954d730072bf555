#pragma once

#include <string>
#include <vector>

#include "partitions/boot_layout.hpp"
#include "partitions/fat_tree.hpp"

// Which cluster belongs to whom. Private to this folder; see FatVolume for the promises.
namespace ros::partitions::fat {

// The places in /LAYOUT.ROS, each inside of the volume; those of a file and its spare one the other
// way round where they were switched. Throws kFailed when it is missing or damaged.
std::vector<PlacedFile> ReadLayout(const Tree& tree);

std::vector<std::string> CheckOwnership(const Tree& tree);

// What was on disk when `tree` was read is the truth; read it again afterwards.
std::vector<std::string> RepairAllocation(const Tree& tree);

}  // namespace ros::partitions::fat
