#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "health/boot_arguments.hpp"
#include "init/device_events.hpp"
#include "init/module_loader.hpp"
#include "partitions/partition_search.hpp"

namespace ros::init {

// The partitions that a boot needs.
struct BootPartitions {
  partitions::PartitionNode root;
  partitions::PartitionNode state;
  std::vector<partitions::PartitionNode> all;  // that were seen
};

// Both of them among `nodes`, or none. Throws kRefused naming the disks when a UUID is on two.
std::optional<BootPartitions> Choose(const std::vector<partitions::PartitionNode>& nodes,
                                     const health::BootArguments& arguments);

// Loads the modules that devices ask for as they appear, until `found` says so of the partitions of
// all disks or `limit` has passed; waits on uevents. Returns the partitions that were seen last.
// What `found` throws, it throws.
std::vector<partitions::PartitionNode> WaitForDisks(
    const std::function<bool(const std::vector<partitions::PartitionNode>&)>& found,
    std::chrono::seconds limit,
    ModuleLoader& modules,
    DeviceEvents& events);

// "disks seen: /dev/sda, /dev/sdb"
std::string DescribeDisks(const std::vector<partitions::PartitionNode>& nodes);

// Loads the modules that devices ask for as they appear, until both partitions are there. Waits on
// uevents. Throws kFailed after `arguments.wait`, naming what is missing and the disks that were
// seen, and as Choose.
BootPartitions WaitForPartitions(const health::BootArguments& arguments,
                                 ModuleLoader& modules,
                                 DeviceEvents& events);

// The partitions of all disks now: those `seen` before, where no disk has come or gone since the
// last event that was taken.
std::vector<partitions::PartitionNode> LookAgain(std::vector<partitions::PartitionNode> seen,
                                                 DeviceEvents& events);

}  // namespace ros::init
