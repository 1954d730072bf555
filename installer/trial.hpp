#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "bootloader/boot_state_store.hpp"
#include "health/boot_arguments.hpp"
#include "health/gate.hpp"
#include "installer/slot_content.hpp"

namespace ros::installer {

// Whether the running system is a trial that nobody has judged yet: it was booted as one
// (`ros.trial=`), and the boot state still says so. After its commit the same boot is no trial any
// more; a slot that was chosen by hand in the loader's menu is none.
bool IsOnTrial(const health::BootArguments& running, const bootloader::BootState& state);

// What the end of a trial works with.
struct TrialMeans {
  bootloader::BootStateStore& store;
  std::filesystem::path state;  // the state directory
  const Clock& clock;
  SlotId running = SlotId::kA;
  SlotContent content;  // of the trial's slot
};

// The running trial becomes the good slot: the boot state is stored (one sector, the commit point),
// then the epoch floor is raised, the second copy follows, and the journal tells it. Cut before the
// store, the trial goes on at the next boot; cut after it, the slot is good.
void CommitTrial(const TrialMeans& means);

// The running trial is given up for good: journal, bad list, then the boot state. The caller
// reboots. Cut anywhere, the machine comes back to the good slot, at the latest when the tries are
// used up.
void FailTrial(const TrialMeans& means, const health::Verdict& verdict);

// On the good slot: a trial that was started and is not running has failed without a verdict (its
// tries are used up, or the boot loader could not load it). Closes it as FailTrial does and tells
// why. A trial that waits for its first boot stays. Nothing when there is no such trial.
std::optional<std::string> SettleFailedTrial(const TrialMeans& means,
                                             const std::optional<SlotId>& fell_from);

}  // namespace ros::installer
