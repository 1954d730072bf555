#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/slot.hpp"
#include "bootloader/efi_variables.hpp"
#include "bootloader/grub_environment.hpp"
#include "init/device_events.hpp"
#include "init/module_loader.hpp"
#include "partitions/partition_search.hpp"

// A unified kernel's arguments are signed and the same in both slots. What differs from boot to
// boot is found out here and put in front of them (docs/kernel-arguments.md). None of it is signed:
// it chooses between slots and disks, and what these hold is compared with what is signed.
namespace ros::init {

// Where the unified kernel that runs was started from, as its stub has told the firmware.
struct StartedFrom {
  std::string boot_partition;  // PARTUUID
  SlotId slot = SlotId::kA;

  bool operator==(const StartedFrom&) const = default;
};

// Reads LoaderDevicePartUUID and LoaderImageIdentifier (systemd's Boot Loader Interface). Throws
// kFailed naming the variable that is missing or names no slot of ours.
StartedFrom ReadStartedFrom(const bootloader::EfiVariables& variables);

// The partitions of a disk of ours that a boot of one slot needs.
struct SlotPartitions {
  partitions::PartitionNode boot;
  partitions::PartitionNode root;
  partitions::PartitionNode state;
};

// Those of the disk that `from` names, or none while one is missing. Throws kRefused naming the
// disks when the UUID is on two.
std::optional<SlotPartitions> ChooseDisk(const std::vector<partitions::PartitionNode>& nodes,
                                         const StartedFrom& from);

// The arguments of this boot: slot, partitions, what GRUB has noted for this slot, and then the
// signed ones, which so win.
std::string WholeCommandLine(std::string_view signed_line,
                             const StartedFrom& from,
                             const SlotPartitions& disk,
                             const std::optional<bootloader::BootNote>& note);

// All of that on the running machine: reads the firmware's variables, waits for the disk for half a
// minute, reads GRUB's note. Throws as above, and kFailed when the disk does not appear.
std::string FindCommandLine(std::string_view signed_line,
                            ModuleLoader& modules,
                            DeviceEvents& events);

// Makes /proc/cmdline say this from now on, in the place of what the kernel was told: `ros` and
// systemd's conditions read it there.
void ShowCommandLine(const std::string& line);

}  // namespace ros::init
