#pragma once

#include <filesystem>
#include <vector>

#include "partitions/system_paths.hpp"

namespace ros::partitions {

// The disks of this machine ("/dev/nvme0n1", "/dev/sda"), in order of name: whole ones with
// hardware behind them, which loop, RAM, device-mapper and RAID devices have not. Left out are
// optical drives, floppies, the boot and other hardware partitions of an eMMC, and devices without
// a node. One without a medium, or that cannot be read, is one of them too.
std::vector<std::filesystem::path> ListDisks(const SystemPaths& system = {});

}  // namespace ros::partitions
