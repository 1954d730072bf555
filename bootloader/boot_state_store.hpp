#pragma once

#include <optional>
#include <string>

#include "base/block_device.hpp"
#include "base/slot.hpp"
#include "bootloader/boot_state.hpp"

namespace ros::bootloader {

// One stored copy, as it was found.
struct StoredCopy {
  // Empty when the copy is damaged.
  std::optional<BootState> state;
  // Why it is damaged, for people: "ros_check says a,none,0,0 and the values are b,none,0,0".
  std::string damage;

  [[nodiscard]] bool sound() const { return state.has_value(); }

  bool operator==(const StoredCopy&) const = default;
};

struct LoadedState {
  StoredCopy first;   // the state
  StoredCopy second;  // the good slot alone, for when the first is damaged

  // What the boot loader goes by: the first copy, else the second, else nothing.
  [[nodiscard]] const std::optional<BootState>& state() const {
    return first.sound() ? first.state : second.state;
  }

  // The state to go on with: the above, and where every copy is damaged the `running` slot as the
  // good one (the boot loader found it whole). Store() it when `first` is not sound.
  [[nodiscard]] BootState StateOr(SlotId running) const {
    return state().value_or(BootState{.good = running});
  }
};

// Where boot state is kept; one implementation per boot loader. Order of writes that keeps the
// machine bootable at every power cut: MirrorGood() before the target slot is touched, Store() at
// the end, MirrorGood() again after a Commit or Rollback was stored (docs/boot-state.md).
class BootStateStore {
 public:
  BootStateStore() = default;
  BootStateStore(const BootStateStore&) = delete;
  BootStateStore& operator=(const BootStateStore&) = delete;
  BootStateStore(BootStateStore&&) = delete;
  BootStateStore& operator=(BootStateStore&&) = delete;
  virtual ~BootStateStore() = default;

  // Reads every copy. Damage is no error, it is told in the result; so is a sector that cannot be
  // read.
  [[nodiscard]] virtual LoadedState Load() const = 0;

  // Makes `state` the first copy by one write of one logical sector, synced on return; writes
  // nothing when it is there already. A power cut leaves the old or the new state. Takes effect at
  // the next boot. Throws kFailed.
  virtual void Store(const BootState& state) = 0;

  // Makes the second copy name the good slot of the first, in the same way; writes nothing when it
  // does already. Throws kRefused when the first copy is damaged (Store a state first).
  virtual void MirrorGood() = 0;
};

// GRUB: the files /grub/grubenv and /grub/grubenv2 of the boot partition, as the regions that hold
// them (each at least kGrubEnvironmentSize bytes, in one piece). Install fills them with
// FormatGrubEnvironment.
class GrubStore final : public BootStateStore {
 public:
  // Throws kFailed when a region is too short.
  GrubStore(Region grubenv, Region grubenv2);

  [[nodiscard]] LoadedState Load() const override;
  void Store(const BootState& state) override;
  void MirrorGood() override;

 private:
  Region first_;
  Region second_;
};

}  // namespace ros::bootloader
