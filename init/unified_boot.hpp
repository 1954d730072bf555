#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/slot.hpp"
#include "bootloader/efi_variables.hpp"
#include "init/device_events.hpp"
#include "init/module_loader.hpp"
#include "partitions/partition_search.hpp"

// A unified kernel's arguments are signed and the same in both slots. What differs from boot to
// boot is found out here and put in front of them (docs/kernel-arguments.md). None of it is signed:
// it chooses between slots and disks, and what these hold is compared with what is signed.
namespace ros::init {

// Where the unified kernel that runs was started from, as its stub has told the firmware. A stub
// sets a variable only when nobody did before (systemd 252, stub.c): the slot may be that of a
// kernel that came first and gave up, and the partition that of another boot loader.
struct StartedFrom {
  std::string boot_partition;  // PARTUUID; empty: not told
  std::optional<SlotId> slot;  // none: not told, or no slot of ours

  bool operator==(const StartedFrom&) const = default;
};

// Reads LoaderDevicePartUUID and LoaderImageIdentifier (systemd's Boot Loader Interface).
StartedFrom ReadStartedFrom(const bootloader::EfiVariables& variables);

// The partitions of a disk of ours.
struct DiskNodes {
  partitions::PartitionNode boot;
  partitions::PartitionNode root_a;
  partitions::PartitionNode root_b;
  partitions::PartitionNode state;

  [[nodiscard]] const partitions::PartitionNode& root(SlotId slot) const {
    return slot == SlotId::kA ? root_a : root_b;
  }
};

// Every disk that has all of them.
std::vector<DiskNodes> FindDisks(const std::vector<partitions::PartitionNode>& nodes);

// The one with this boot partition, or none while something of it is missing. Throws kRefused
// naming the disks when the UUID is on two.
std::optional<DiskNodes> ChooseDisk(const std::vector<partitions::PartitionNode>& nodes,
                                    const std::string& boot_partition);

// Whether a root is the one whose hash is signed.
using RootMatcher = std::function<bool(const partitions::PartitionNode& root)>;

// The one of these disks with a slot whose root matches. Throws kFailed when there is none, and
// kRefused naming the disks when there are two.
DiskNodes ChooseDiskByRoot(const std::vector<DiskNodes>& disks, const RootMatcher& matches);

// The slot that runs. What the firmware was told and what GRUB has noted say the same as a rule, or
// one of them nothing. Where they do not, the slot whose root matches is the one; GRUB's note where
// both do, since it is written for each kernel that is started. Throws kFailed when nobody knows.
SlotId DecideSlot(std::optional<SlotId> told,
                  std::optional<SlotId> noted,
                  const std::function<bool(SlotId)>& matches);

// The arguments of this boot: slot, partitions, what GRUB has told this slot ("ros.trial=2", or
// nothing), and then the signed ones, which so win.
std::string WholeCommandLine(std::string_view signed_line,
                             SlotId slot,
                             const DiskNodes& disk,
                             const std::string& told);

// All of that on the running machine: reads the firmware's variables, waits for the disk as long as
// the signed arguments say, reads what GRUB has noted. Throws as above, and kFailed when the disk
// does not appear.
std::string FindCommandLine(std::string_view signed_line,
                            ModuleLoader& modules,
                            DeviceEvents& events,
                            const RootMatcher& matches);

// Makes /proc/cmdline say this from now on, in the place of what the kernel was told: `ros` and
// systemd's conditions read it there.
void ShowCommandLine(const std::string& line);

}  // namespace ros::init
