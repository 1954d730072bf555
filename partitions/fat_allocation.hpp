#pragma once

#include <string>
#include <vector>

#include "partitions/fat_tree.hpp"

// Which cluster belongs to whom. Private to this folder; see FatVolume for the promises.
namespace ros::partitions::fat {

std::vector<std::string> CheckOwnership(const Tree& tree);

// What was on disk when `tree` was read is the truth; read it again afterwards.
std::vector<std::string> RepairAllocation(const Tree& tree);

}  // namespace ros::partitions::fat
