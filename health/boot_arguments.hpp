#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/slot.hpp"

namespace ros::health {

// What the slot's loader entry tells a boot, on the kernel command line (docs/kernel-arguments.md).
// `ros-init` acts on all of it; `ros` reads /proc/cmdline for the running slot and the trial.
struct BootArguments {
  SlotId slot = SlotId::kA;         // ros.slot=
  std::string boot_partition;       // ros.boot=   PARTUUID of ROS-BOOT, lower case
  std::string root_partition;       // ros.root=   PARTUUID of the slot's root
  std::string state_partition;      // ros.state=  PARTUUID of ROS-STATE
  std::string verity_root_hash;     // ros.verity= HASH:SALT:BLOCKS, 64 hex digits
  std::string verity_salt;          // hex; empty for no salt (also written "-")
  std::uint64_t verity_blocks = 0;  // data blocks of 4096 bytes
  std::string root_file_system;     // ros.fs=
  std::chrono::seconds watchdog{};  // ros.watchdog=, 0: none is armed
  std::string loader;               // ros.loader= "syslinux", "uki"; empty: GRUB
  std::optional<int> trial;         // ros.trial=  tries left after this one; none on a good slot
  std::optional<SlotId> fell_from;  // ros.fell=   the trial that the loader could not load
  std::string kept;  // ros.kept=   the installation that kept the state; empty as a rule
  std::chrono::seconds wait{30};   // ros.wait=   how long partitions may take to appear, <= 480
  std::chrono::seconds pause{60};  // ros.wait-before-reboot= of a good slot that fails early
  std::string init;                // init=, empty: the usual places

  bool operator==(const BootArguments&) const = default;
};

// Parses a kernel command line as /proc/cmdline shows it (quotes as the kernel reads them; the last
// of a repeated key wins, as for the kernel; keys of others are skipped). Strict about its own:
// throws kVerification naming the argument that is missing or has a value of the wrong shape.
BootArguments ParseBootArguments(std::string_view command_line);

// Whether the kernel is a unified one (ros.loader=uki): its arguments are signed and say neither
// slot nor partitions nor trial, which `ros-init` finds out and puts in front of them.
bool IsUnifiedKernel(std::string_view command_line);

// What the signed arguments of a unified kernel say that is needed to find out the rest.
struct SignedArguments {
  std::string verity_root_hash;
  std::string verity_salt;
  std::uint64_t verity_blocks = 0;
  std::chrono::seconds wait{};
};

// Parses them as ParseBootArguments does, and throws as that does.
SignedArguments ParseSignedArguments(std::string_view command_line);

// ParseBootArguments, but only when the kernel was started by a `ros` loader entry (ros.slot= is
// there).
std::optional<BootArguments> FindBootArguments(std::string_view command_line);

}  // namespace ros::health
