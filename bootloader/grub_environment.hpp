#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "bootloader/boot_state.hpp"

namespace ros::bootloader {

// Length of /grub/grubenv and of /grub/grubenv2: GRUB's environment block.
inline constexpr Bytes kGrubEnvironmentSize = 1024;
// Everything that is said lies in so many first bytes, one sector; the rest is padding.
inline constexpr Bytes kGrubStateSize = 512;

// A whole environment block with a boot state (docs/boot-state.md): the signature line, `ros_good`,
// `ros_trial`, `ros_tries`, `ros_started` and `ros_check`, which is the four joined by commas;
// padded with '#'. As grub-editenv and GRUB's load_env read it.
std::string FormatGrubEnvironment(const BootState& state);

// The boot state in a block of kGrubEnvironmentSize bytes, from anywhere. Variables that are not
// ours are passed over. Throws kFailed with the reason when it is damaged: no signature, a variable
// missing, twice or with a value that cannot be, `ros_check` that does not match.
BootState ParseGrubEnvironment(ByteSpan block);

// What GRUB leaves for `ros-init` when it starts a unified kernel (`ros_booting=SLOT,ARGUMENT`).
struct BootNote {
  SlotId slot = SlotId::kA;
  std::string argument;  // "ros.trial=2", "ros.fell=b"; empty: neither

  bool operator==(const BootNote&) const = default;
};

// The note in a block, which need not be sound otherwise; nothing when there is none, or one that
// GRUB has not written.
std::optional<BootNote> ParseBootNote(ByteSpan block);

// What GRUB has told the slot that it started: the argument of its note, where that is about this
// slot; where it is not (it could not be written), what the state says of a trial that was started.
std::string ArgumentOfBoot(ByteSpan block, SlotId slot);

}  // namespace ros::bootloader
