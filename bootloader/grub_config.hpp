#pragma once

#include <string>
#include <string_view>

#include "base/slot.hpp"
#include "bootloader/kernel_command_line.hpp"

namespace ros::bootloader {

// /grub/grub.cfg: the same on every machine, written at install and when the boot loader is
// upgraded. Reads the boot state, takes a try off, checks and starts a slot; docs/boot-state.md
// tells its rule. It also asks the partition table for the UUIDs that the slots' entries refer to.
std::string MainGrubConfig();

// The number in the first line of such a script; 0 for one without. It grows with every change of
// the script, and a core image runs its own script and all that have a smaller number (the modules
// that they need are never taken out).
int GrubScriptNumber(std::string_view script);

// The same rule for unified kernels, as the configuration that is built into a GRUB that its owner
// signs: a slot is `/a/linux.efi`, started through the firmware, which checks its signature under
// Secure Boot. A unified kernel cannot be told more arguments, so what the other script says by
// `ros.trial=` and `ros.fell=` is left in the boot state (grub_environment.hpp, BootNote).
std::string OwnerGrubConfig();

// Where Debian's signed GRUB looks for its configuration, on the partition that it was started
// from; its name for the directory is built in.
inline constexpr const char* kSignedGrubConfigPath = "/EFI/DEBIAN/GRUB.CFG";

// What lies there: goes on with /grub/grub.cfg, and tells it that this GRUB has no `hashsum`, and
// under Secure Boot takes no module that has.
std::string SignedGrubConfig();

// /a/grub.cfg or /b/grub.cfg (GRUB.CFG of the slot's folder): loads kernel and initrd with the
// command line of `entry`. Names no disk: the same bytes fit every copy of one. Throws as
// CheckKernelArguments does, kDoesNotFit when the command line is too long for a kernel, kFailed
// for another member that cannot be.
std::string SlotGrubConfig(const SlotEntry& entry);

// SHA-256 in hex (64 lower-case characters) of a slot's files as they are on disk.
struct SlotDigests {
  std::string kernel;
  std::string initrd;
  std::string grub_config;
};

// SUMS of a slot's folder: what GRUB compares before it sources GRUB.CFG. Throws kFailed for
// something that is not a digest.
std::string SlotSums(const SlotDigests& digests);

// SUMS of a slot that is a unified kernel with this SHA-256, likewise.
std::string UnifiedKernelSums(const std::string& digest);

}  // namespace ros::bootloader
