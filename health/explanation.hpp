#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/slot.hpp"
#include "health/journal.hpp"

namespace ros::health {

// What is true now, beside the journal.
struct RunningFacts {
  SlotId slot = SlotId::kA;          // the running slot
  std::string version;               // of the running slot, where known
  std::string boot_id;               // of this boot
  std::optional<int> trial;          // ros.trial= of this boot
  std::optional<SlotId> fell_from;   // ros.fell= of this boot
  SlotId good = SlotId::kA;          // the boot state's good slot
  std::optional<SlotId> pending;     // the boot state's trial, if any
  std::optional<int> pending_tries;  // and its tries left
};

// Why this slot is running.
enum class Why {
  kFreshInstall,
  kCommitted,
  kOnTrial,         // the gate has not spoken yet
  kReporterFailed,  // the other slot was rolled back: a reporter failed
  kDeadline,        // ... a reporter was missing
  kTriesUsedUp,     // ... resets without a verdict
  kLoaderFellBack,  // ... its files did not load
  kByHand,
  kTrialPending,  // still the old one: the trial starts with the next boot
  kBetweenTries,  // the good slot although the trial has tries left: the loader could not read on
  kUnknown,       // the journal says nothing
};

std::string_view Name(Why why);

struct Explanation {
  Why why = Why::kUnknown;
  std::string sentence;              // "slot a (1.0) is running because ..."
  std::vector<std::string> details;  // one line each: stages reached, times, earlier failures
};

// Tells from either slot why this one is running. Pure: same entries and facts, same answer.
Explanation Explain(std::span<const JournalEntry> entries, const RunningFacts& facts);

}  // namespace ros::health
