#include "bootloader/boot_state.hpp"

#include "base/error.hpp"
#include "base/slot.hpp"

namespace ros::bootloader {
namespace {

[[noreturn]] void Refuse(const std::string& why) {
  throw Error(ErrorKind::kRefused, why);
}

void RefusePendingTrial(const BootState& state) {
  if (state.trial) {
    Refuse(SlotText(state.trial->slot) + " is on trial; commit or abandon that trial first");
  }
}

std::string TriesLeft(int tries) {
  if (tries == 0) {
    return "its tries are used up";
  }
  return std::to_string(tries) + (tries == 1 ? " try left" : " tries left");
}

}  // namespace

std::string ToString(const BootState& state) {
  auto text = SlotText(state.good) + " is good";
  if (state.trial) {
    text +=
        "; " + SlotText(state.trial->slot) + " is on trial, " + TriesLeft(state.trial->tries_left);
  }
  return text;
}

BootState StartTrial(const BootState& state, SlotId running, SlotId target, int tries) {
  if (tries < 1 || tries > kMaximumTries) {
    throw Error(ErrorKind::kUsage,
                "a trial has 1 to " + std::to_string(kMaximumTries) + " tries, not " +
                    std::to_string(tries));
  }
  RefusePendingTrial(state);
  if (target == state.good) {
    Refuse(SlotText(target) + " is the good slot and cannot be put on trial");
  }
  if (running != state.good) {
    Refuse("running from " + SlotText(running) + " while " + SlotText(state.good) +
           " is the good slot; reboot into the good slot first");
  }
  return {.good = state.good, .trial = Trial{.slot = target, .tries_left = tries}};
}

BootState Commit(const BootState& state, SlotId running) {
  if (!state.trial) {
    Refuse("no trial is pending; there is nothing to commit");
  }
  if (running != state.trial->slot) {
    Refuse(SlotText(state.trial->slot) + " is on trial and " + SlotText(running) +
           " is running; only a running trial can be committed");
  }
  if (!state.trial->started) {
    Refuse(SlotText(running) + " was not started as a trial; reboot to try it");
  }
  return {.good = running};
}

BootState TakeTry(const BootState& state) {
  if (!state.trial) {
    Refuse("no trial is pending; there is nothing to try");
  }
  if (state.trial->tries_left == 0) {
    Refuse("the tries of " + SlotText(state.trial->slot) + " are used up");
  }
  auto after = state;
  after.trial->tries_left -= 1;
  after.trial->started = true;
  return after;
}

BootState Abandon(const BootState& state) {
  if (!state.trial) {
    Refuse("no trial is pending; there is nothing to abandon");
  }
  return {.good = state.good};
}

BootState Rollback(const BootState& state, SlotId target, const SlotHistory& history) {
  RefusePendingTrial(state);
  const auto name = SlotText(target);
  if (target == state.good) {
    Refuse(name + " is the good slot already");
  }
  if (!history.was_good) {
    Refuse(name + " has not been good since it was written; there is nothing to roll back to");
  }
  if (!history.complete) {
    Refuse(name + " is not complete; there is nothing to roll back to");
  }
  if (!history.verity_sound) {
    throw Error(ErrorKind::kVerification,
                "the root of " + name + " is damaged; rolling back to it would not boot");
  }
  return {.good = target};
}

NextBootResult NextBoot(const std::optional<BootState>& state,
                        const LoadableSlots& loadable,
                        TryCounting counting) {
  NextBootResult result{.after = state};
  auto first = state ? state->good : SlotId::kA;
  std::optional<int> tries_left;
  if (state && state->trial && state->trial->tries_left > 0) {
    result.after = TakeTry(*state);
    first = state->trial->slot;
    tries_left = result.after->trial->tries_left;
    if (counting == TryCounting::kOneShot) {
      result.after->trial->tries_left = 0;
    }
  }
  if (Has(loadable, first)) {
    result.slot = first;
    result.trial_tries_left = tries_left;
    return result;
  }
  result.fell = first;
  if (Has(loadable, Other(first))) {
    result.slot = Other(first);
  }
  return result;
}

}  // namespace ros::bootloader
