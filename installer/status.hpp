#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "bootloader/boot_state_store.hpp"
#include "bootloader/firmware.hpp"
#include "health/boot_arguments.hpp"
#include "installer/channel_memory.hpp"
#include "installer/console.hpp"
#include "installer/loader_facts.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"

namespace ros::installer {

// "verified", "signed-root-used", "not-verified" (health::BootCheck), "none" where the initrd has
// no keys, "unknown" where the journal does not tell; and a sentence.
struct BootCheckFacts {
  std::string result;
  std::string text;
};

// What became of an image in a slot that is neither good nor on trial.
enum class SlotPast {
  kUnknown,     // the state partition was not looked at, or does not tell
  kGoodBefore,  // `ros rollback` can go back to it
  kRolledBack,  // it is refused without --retry
  kStaged,      // it was written, and never good
};

// What `ros status` tells. Plain data.
struct Status {
  partitions::RosDisk disk;
  bootloader::LoadedState boot;
  std::array<SlotContent, 2> slots;
  std::array<SlotPast, 2> past{};  // of them
  std::optional<SlotId> running;
  bool on_trial = false;  // the running system is a trial that is not judged yet
  // What the boot loader would do now, by the rule in bootloader/boot_state.hpp.
  bootloader::NextBootResult next;
  LoaderFacts loader;
  // What started this machine; none for a disk that it does not run from.
  std::optional<bootloader::Firmware> firmware;
  // What ros-init made of the running slot's signature; none for a disk that it does not run from.
  std::optional<BootCheckFacts> boot_check;
  // The newest document of each channel that this machine has accepted; why that is not known.
  ChannelMemory channels;
  std::string channels_problem;

  [[nodiscard]] bootloader::BootState state() const;

  [[nodiscard]] const SlotContent& slot(SlotId id) const {
    return slots.at(id == SlotId::kA ? 0 : 1);
  }
};

// Reads it, the firmware from `sys`; writes nothing.
Status InspectStatus(const Machine& machine, const std::filesystem::path& sys = "/sys");

// "good", "trial, 2 tries left", "good before", "rolled back", "staged", "empty": one word or a few
// for a slot.
std::string SlotStateText(const Status& status, SlotId slot);

// A picture of the disk and a table of the slots, in colours where the console shows them.
std::string DescribeStatus(const Status& status, const Console& console);
Json StatusToJson(const Status& status);

}  // namespace ros::installer
