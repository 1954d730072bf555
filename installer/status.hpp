#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "bootloader/boot_state_store.hpp"
#include "health/boot_arguments.hpp"
#include "installer/console.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"

namespace ros::installer {

// What `ros status` tells. Plain data.
struct Status {
  partitions::RosDisk disk;
  bootloader::LoadedState boot;
  std::array<SlotContent, 2> slots;
  std::optional<SlotId> running;
  bool on_trial = false;  // the running system is a trial that is not judged yet
  // What the boot loader would do now, by the rule in bootloader/boot_state.hpp.
  bootloader::NextBootResult next;

  [[nodiscard]] bootloader::BootState state() const;

  [[nodiscard]] const SlotContent& slot(SlotId id) const {
    return slots.at(id == SlotId::kA ? 0 : 1);
  }
};

// Reads it; writes nothing.
Status InspectStatus(const Machine& machine);

// "good", "trial, 2 tries left", "good before", "empty": one word or a few for a slot.
std::string SlotStateText(const Status& status, SlotId slot);

// A picture of the disk and a table of the slots, in colours where the console shows them.
std::string DescribeStatus(const Status& status, const Console& console);
Json StatusToJson(const Status& status);

}  // namespace ros::installer
