#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/slot.hpp"

namespace ros::bootloader {

// What one slot boots with: all that its kernel command line says, but for the partitions, which
// GRUB finds on the disk that it was started from.
struct SlotEntry {
  SlotId slot = SlotId::kA;
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

// /grub/grub.cfg: the same on every machine, written at install and when the boot loader is
// upgraded. Reads the boot state, takes a try off, checks and starts a slot; docs/boot-state.md
// tells its rule. It also asks the partition table for the UUIDs that the slots' entries refer to.
std::string MainGrubConfig();

// The number in the first line of such a script; 0 for one without. It grows with every change of
// the script, and a core image runs its own script and all that have a smaller number (the modules
// that they need are never taken out).
int GrubScriptNumber(std::string_view script);

// /a/grub.cfg or /b/grub.cfg (GRUB.CFG of the slot's folder): loads kernel and initrd with the
// command line of `entry`. Names no disk: the same bytes fit every copy of one. Throws as
// CheckKernelArguments does, kDoesNotFit when the command line is too long for a kernel, kFailed
// for another member that cannot be.
std::string SlotGrubConfig(const SlotEntry& entry);

// The kernel command line of `entry`, as in SlotGrubConfig, without what GRUB adds at boot
// (`ros.trial=`, `ros.fell=`) and with its variables in the place of UUIDs ("ros.boot=$ros_boot"):
// for plans and for people. Throws as SlotGrubConfig.
std::string KernelCommandLine(const SlotEntry& entry);

enum class ArgumentOrigin {
  kImage,    // the image's config; a bad one throws kVerification
  kMachine,  // --append and the machine's file; a bad one throws kUsage
};

// Refuses arguments that could end GRUB's command or be read differently by GRUB and the kernel: a
// character that is not a letter, digit or one of _-.,:=/@%+~[]!^*?, an empty one, `--`, and those
// that are ours: ros.NAME=, systemd.gpt_auto= and panic=, by which a kernel that dies early
// restarts (a trial would hang for ever). The message names the argument.
void CheckKernelArguments(const std::vector<std::string>& arguments, ArgumentOrigin origin);

// SHA-256 in hex (64 lower-case characters) of a slot's files as they are on disk.
struct SlotDigests {
  std::string kernel;
  std::string initrd;
  std::string grub_config;
};

// SUMS of a slot's folder: what GRUB compares before it sources GRUB.CFG. Throws kFailed for
// something that is not a digest.
std::string SlotSums(const SlotDigests& digests);

}  // namespace ros::bootloader
