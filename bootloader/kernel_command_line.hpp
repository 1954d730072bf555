#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/slot.hpp"
#include "bootloader/loader_kind.hpp"

namespace ros::bootloader {

// PARTUUIDs in lower case, or what a boot loader puts them in the place of.
struct PartitionIds {
  std::string boot;
  std::string root;  // of the slot
  std::string state;

  bool operator==(const PartitionIds&) const = default;
};

// What one slot boots with: all that its kernel command line says.
struct SlotEntry {
  SlotId slot = SlotId::kA;
  LoaderKind loader = LoaderKind::kGrub;
  // As the loader's entry says them: the UUIDs of the disk, or, for GRUB and unified kernels, none.
  std::optional<PartitionIds> partitions;
  // dm-verity: hex, hex, and 4096-byte blocks of data in front of the tree.
  std::string verity_root_hash;
  std::string verity_salt;
  std::uint64_t verity_data_blocks = 0;
  std::string file_system = "erofs";
  std::uint64_t watchdog_seconds = 0;
  // Signed with the image; those of this machine come after them.
  std::vector<std::string> image_arguments;
  std::vector<std::string> machine_arguments;

  bool operator==(const SlotEntry&) const = default;
};

// A kernel command line in three parts. `ros.trial=` or `ros.fell=` is put in by the boot loader.
struct KernelArguments {
  std::vector<std::string> ours;
  std::vector<std::string> partitions;
  std::vector<std::string> theirs;  // of the image, then of the machine
};

// Those of a unified kernel name neither slot nor partitions. Throws as CheckKernelArguments does,
// kUsage for machine arguments of a unified kernel, kDoesNotFit when the command line is too long
// for a kernel, kFailed for another member that cannot be.
KernelArguments ArgumentsOf(const SlotEntry& entry);

// The kernel command line of `entry` without what the loader adds at boot (`ros.trial=`,
// `ros.fell=`, BOOT_IMAGE=): for plans and for people. Throws as ArgumentsOf.
std::string KernelCommandLine(const SlotEntry& entry);

// What a kernel of `entry` is told when it is started as the trial without the boot loader, and
// `tries_left` are left after this try: the arguments that the loader would give it, but for its
// own BOOT_IMAGE=. Throws as ArgumentsOf, kFailed for something that is not a UUID.
std::string TrialCommandLine(const SlotEntry& entry,
                             const PartitionIds& partitions,
                             int tries_left);

enum class ArgumentOrigin {
  kImage,    // the image's config; a bad one throws kVerification
  kMachine,  // --append and the machine's file; a bad one throws kUsage
};

// Refuses arguments that could end a boot loader's command or be read differently by it and the
// kernel: a
// character that is not a letter, digit or one of _-.,:=/@%+~[]!^*?, an empty one, `--`, and those
// that are ours: ros.NAME=, systemd.gpt_auto= and panic=, by which a kernel that dies early
// restarts (a trial would hang for ever). The message names the argument.
void CheckKernelArguments(const std::vector<std::string>& arguments, ArgumentOrigin origin);

}  // namespace ros::bootloader
