#pragma once

#include <optional>
#include <string>

#include "base/slot.hpp"

namespace ros::bootloader {

// A trial may be booted this many times at most (GRUB's script cannot count further).
inline constexpr int kMaximumTries = 9;
inline constexpr int kDefaultTries = 3;

// A slot that has been written and may be booted a counted number of times.
struct Trial {
  SlotId slot = SlotId::kB;
  // Boots that are left. The boot loader takes one off before it loads the trial's kernel; 0 means
  // that they are used up and that nobody has given a verdict.
  int tries_left = 0;
  // The boot loader has taken at least one try.
  bool started = false;

  bool operator==(const Trial&) const = default;
};

// What boots next. A value: the functions below change no disk (boot_state_store.hpp does).
struct BootState {
  // The slot that boots by default. There is always exactly one.
  SlotId good = SlotId::kA;
  std::optional<Trial> trial;

  bool operator==(const BootState&) const = default;
};

// "slot a is good", "slot a is good; slot b is on trial, 2 tries left": for people.
std::string ToString(const BootState& state);

// The slot that an upgrade writes: the one that is not good. Never "the other one than the running
// one".
constexpr SlotId Target(const BootState& state) {
  return Other(state.good);
}

// The transitions. Each refuses (kRefused, a sentence that says what to do) when its precondition
// does not hold, and leaves nothing half done: they are pure.

// A trial of `target` with `tries` boots (1 to kMaximumTries, else kUsage). The target is complete
// and verified (the caller knows), is not the good slot; the good slot is running; no trial is
// pending.
BootState StartTrial(const BootState& state, SlotId running, SlotId target, int tries);

// The running trial becomes the good slot. Only from the trial's slot, and only when the boot
// loader has started it.
BootState Commit(const BootState& state, SlotId running);

// What the boot loader does to the state when it starts the trial, for who starts it in the boot
// loader's place (kexec): one try less, started. Refuses a trial whose tries are used up.
BootState TakeTry(const BootState& state);

// The trial is given up; the good slot stays. Also for a trial whose tries are used up.
BootState Abandon(const BootState& state);

// What must be known of a slot before the machine may be sent back to it.
struct SlotHistory {
  bool was_good = false;  // it has been the good slot with these bytes, and was not written since
  bool complete = false;  // its files on the boot partition are whole
  bool verity_sound = false;  // its root was read again and has the signed root hash
};

// `target` becomes the good slot by a person's word, and stays. No trial is pending.
BootState Rollback(const BootState& state, SlotId target, const SlotHistory& history);

// Which slots the boot loader can load: each file has a length and the digest that SUMS says, and
// the kernel is one.
struct LoadableSlots {
  bool a = false;
  bool b = false;
};

constexpr bool Has(const LoadableSlots& slots, SlotId slot) {
  return slot == SlotId::kA ? slots.a : slots.b;
}

struct NextBootResult {
  // The slot whose kernel is started; none when neither loads.
  std::optional<SlotId> slot;
  // It is booted as the trial: `ros.trial=` with what is left after taking this try.
  std::optional<int> trial_tries_left;
  // The slot that was to boot and did not load: `ros.fell=`.
  std::optional<SlotId> fell;
  // What is stored when the kernel starts.
  std::optional<BootState> after;

  bool operator==(const NextBootResult&) const = default;
};

// How a boot loader takes a try.
enum class TryCounting {
  kCountsDown,  // GRUB: one off, the rest stays for the next boots
  kOneShot,     // syslinux: the next one is none, unless the trial arms it (ArmNextTry)
};

// The boot loader's rule, written once; tests/bootloader/*_rule_test.cpp boot the real loaders to
// prove that they do the same. `state` is what the store can read, none when every copy is damaged:
// then slot a is tried and after it slot b.
//
// A trial with tries left is tried first and costs one try, loaded or not. What does not load falls
// in the same boot: the trial to the good slot, the good slot to the other one.
NextBootResult NextBoot(const std::optional<BootState>& state,
                        const LoadableSlots& loadable,
                        TryCounting counting = TryCounting::kCountsDown);

}  // namespace ros::bootloader
