#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bootloader/boot_state_store.hpp"
#include "health/boot_arguments.hpp"
#include "health/gate.hpp"
#include "health/journal.hpp"
#include "installer/slot_content.hpp"

namespace ros::installer {

// What could not be written although the operation went on: sentences for people.
using Troubles = std::vector<std::string>;

// Does what the outcome does not hang on.
template <typename Work>
void Try(Troubles& troubles, Work work) {
  try {
    work();
  } catch (const std::exception& error) {
    troubles.emplace_back(error.what());
  }
}

// Whether the running system is a trial that nobody has judged yet: it was booted as one
// (`ros.trial=`), and the boot state still says so. After its commit the same boot is no trial any
// more; a slot that was chosen by hand in the loader's menu is none.
bool IsOnTrial(const health::BootArguments& running, const bootloader::BootState& state);

// The image in a slot, as far as journal and bad list name it.
struct SlotImage {
  SlotId slot = SlotId::kB;
  std::string version;
  std::string digest;  // empty when it is not known
  std::optional<std::uint64_t> epoch;

  bool operator==(const SlotImage&) const = default;
};

// From the slot's folder; where that is empty or makes no sense (its files were lost), from what
// the journal said when the slot was last written or tried.
SlotImage ImageOf(const SlotContent& content, const std::vector<health::JournalEntry>& entries);

// What the end of a trial works with.
struct TrialMeans {
  bootloader::BootStateStore& store;
  std::filesystem::path state;  // the state directory
  const Clock& clock;
  SlotId running = SlotId::kA;
  SlotImage image;  // of the trial
};

// The running trial becomes the good slot: the boot state is stored (one sector, the commit point),
// then RecordGood, and the second copy follows. Throws where the boot state cannot be stored; what
// fails after it is told in the result, and made up for at the next boot of the slot. Cut before
// the store, the trial goes on at the next boot; cut after it, the slot is good.
[[nodiscard]] Troubles CommitTrial(const TrialMeans& means);

// What is to be remembered of the slot that is good: its epoch as the floor, "committed" in the
// journal; and that it is not bad. Writes what is not there yet, so that a boot makes up for a
// commit that was cut short.
[[nodiscard]] Troubles RecordGood(const std::filesystem::path& state,
                                  const Clock& clock,
                                  const SlotImage& image);

// Whether the journal says that the slot has been good with the image of this digest, and was not
// written since.
bool WasGood(const std::vector<health::JournalEntry>& entries,
             SlotId slot,
             std::string_view digest);

// The running trial is given up for good: journal, bad list, then the boot state. The caller
// reboots. A journal or a bad list that cannot be written (a full disk) is told in the result and
// does not keep the boot state from being stored. Cut anywhere, the machine comes back to the good
// slot, at the latest when the tries are used up.
[[nodiscard]] Troubles FailTrial(const TrialMeans& means, const health::Verdict& verdict);

// On the good slot: a trial that was started and is not running has failed without a verdict (its
// tries are used up, or the boot loader could not load it). Closes it as FailTrial does and tells
// why. A trial that waits for its first boot stays. Nothing when there is no such trial.
struct SettledTrial {
  std::string why;
  Troubles troubles;
};

std::optional<SettledTrial> SettleFailedTrial(const TrialMeans& means,
                                              const std::optional<SlotId>& fell_from);

}  // namespace ros::installer
