#pragma once

#include <string>
#include <vector>

#include "health/boot_arguments.hpp"
#include "partitions/partition_search.hpp"

namespace ros::init {

// A trial that syslinux has started arms its next try, as far as `ros.trial=` says that there is
// one: that loader starts a trial once and counts nothing (docs/boot-state.md). Nothing for a slot
// that is not on trial, and for GRUB. Synced on return. Throws where the boot partition is missing
// or cannot be read or written: the trial goes on without another try.
void ArmNextTry(const health::BootArguments& arguments,
                const std::vector<partitions::PartitionNode>& nodes);

}  // namespace ros::init
