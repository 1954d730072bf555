#include "health/explanation.hpp"

#include <algorithm>

#include "base/slot.hpp"

namespace ros::health {
namespace {

// How far a slot's trial came at best.
enum class Stage { kNothing, kInit, kUserSpace };

std::string SlotText(SlotId slot, const std::string& version) {
  return SlotText(slot) + (version.empty() ? "" : " (" + version + ")");
}

std::string At(const JournalEntry& entry) {
  return " at " + FormatTime(entry.time);
}

// The journal as Explain reads it: the entry that decided, and the trial that went before.
class Story {
 public:
  Story(std::span<const JournalEntry> entries, const RunningFacts& facts)
      : entries_(entries), facts_(facts), decided_(FindDecision()) {}

  Explanation Tell() {
    result_.why = Why::kUnknown;
    if (facts_.fell_from) {
      TellFell(*facts_.fell_from, nullptr);
    } else if (facts_.trial) {
      TellTrial();
    } else if (decided_ == nullptr) {
      Say(Why::kUnknown, Running() + " is running; the journal does not say why");
    } else {
      TellDecision();
    }
    AddBootCheck();
    AddFailures();
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::string Running() const {
    return SlotText(facts_.slot, facts_.version.empty() ? VersionOf(facts_.slot) : facts_.version);
  }

  // The version that the journal last named for a slot.
  [[nodiscard]] std::string VersionOf(SlotId slot) const {
    for (auto at = entries_.rbegin(); at != entries_.rend(); ++at) {
      if (at->slot == slot && !at->version.empty()) {
        return at->version;
      }
    }
    return {};
  }

  [[nodiscard]] std::string Left(const JournalEntry& entry) const {
    const auto slot = entry.slot.value_or(Other(facts_.slot));
    return SlotText(slot, entry.version.empty() ? VersionOf(slot) : entry.version);
  }

  static bool Decides(const JournalEntry& entry) {
    return entry.event == JournalEvent::kInstalled || entry.event == JournalEvent::kCommitted ||
           entry.event == JournalEvent::kRolledBack || entry.event == JournalEvent::kTrialStarted;
  }

  // The last entry that says which slot shall run. A trial that the user dropped decided nothing.
  [[nodiscard]] const JournalEntry* FindDecision() const {
    bool dropped = false;
    for (std::size_t i = entries_.size(); i-- > 0;) {
      const auto& entry = entries_[i];
      dropped = dropped || entry.event == JournalEvent::kTrialAbandoned;
      if (!Decides(entry)) {
        continue;
      }
      if (dropped && entry.event == JournalEvent::kTrialStarted) {
        dropped = false;
        continue;
      }
      return &entry;
    }
    return nullptr;
  }

  void Say(Why why, std::string sentence) {
    result_.why = why;
    result_.sentence = std::move(sentence);
  }

  void Detail(std::string line) { result_.details.push_back(std::move(line)); }

  // Whether it happened in this boot, to the slot that runs.
  [[nodiscard]] bool IsHere(const JournalEntry& entry) const {
    return entry.boot_id == facts_.boot_id && !facts_.boot_id.empty() && entry.slot == facts_.slot;
  }

  void TellTrial() {
    const bool committed = std::ranges::any_of(entries_, [&](const JournalEntry& entry) {
      return entry.event == JournalEvent::kCommitted && IsHere(entry);
    });
    if (committed) {
      TellDecision();  // that one, or what was decided since
    } else if (decided_ != nullptr && decided_->event == JournalEvent::kRolledBack &&
               IsHere(*decided_)) {
      Say(WhyOf(decided_->cause),
          Running() + " was rolled back" + At(*decided_) +
              " and is about to be left: " + decided_->reason);
    } else {
      Say(Why::kOnTrial,
          Running() + " is running on trial, with " + std::to_string(*facts_.trial) +
              (*facts_.trial == 1 ? " try" : " tries") +
              " left after this one; the health gate has not decided yet");
    }
  }

  void TellDecision() {
    switch (decided_->event) {
      case JournalEvent::kInstalled:
        Say(Why::kFreshInstall,
            Running() + " is running because it was installed" + At(*decided_) +
                " and nothing was tried since");
        return;
      case JournalEvent::kCommitted:
        TellCommitted();
        return;
      case JournalEvent::kRolledBack:
        TellRolledBack();
        return;
      case JournalEvent::kTrialStarted:
        TellUnfinishedTrial();
        return;
      case JournalEvent::kUpgradeIntent:
      case JournalEvent::kTrialAbandoned:
      case JournalEvent::kInitReached:
      case JournalEvent::kUserSpaceReached:
      case JournalEvent::kGateFailed:
      case JournalEvent::kEarlyFailure:
      case JournalEvent::kWatchdog:
      case JournalEvent::kInsecure:
      case JournalEvent::kTrustForgotten:
      case JournalEvent::kRepaired:
      case JournalEvent::kNote:
        return;  // these decide nothing
    }
  }

  void TellCommitted() {
    if (decided_->slot == facts_.slot) {
      Say(Why::kCommitted,
          Running() + " is running because it was committed" + At(*decided_) +
              (decided_->reason.empty() ? "" : ": " + decided_->reason));
      return;
    }
    Say(Why::kUnknown,
        Running() + " is running although " + Left(*decided_) + " was committed" + At(*decided_) +
            ": its files did not load, or another slot was chosen by hand");
  }

  static Why WhyOf(std::optional<RollbackCause> cause) {
    if (!cause) {
      return Why::kUnknown;
    }
    switch (*cause) {
      case RollbackCause::kReporterFailed:
        return Why::kReporterFailed;
      case RollbackCause::kDeadline:
        return Why::kDeadline;
      case RollbackCause::kTriesUsedUp:
        return Why::kTriesUsedUp;
      case RollbackCause::kLoaderFellBack:
        return Why::kLoaderFellBack;
      case RollbackCause::kByHand:
        return Why::kByHand;
    }
    return Why::kUnknown;
  }

  void TellRolledBack() {
    const auto why = WhyOf(decided_->cause);
    if (decided_->slot == facts_.slot) {
      Say(why,
          Running() + " is still running; the next boot goes back to slot " +
              std::string(Name(Other(facts_.slot))) + ", decided" + At(*decided_));
    } else if (why == Why::kTriesUsedUp) {
      TellTriesUsedUp();
    } else if (why == Why::kLoaderFellBack) {
      TellFell(decided_->slot.value_or(Other(facts_.slot)), decided_);
    } else if (why == Why::kByHand) {
      Say(why,
          Running() + " is running because " + Left(*decided_) + " was left by hand" +
              At(*decided_));
    } else {
      Say(why,
          Running() + " is running because " + Left(*decided_) + " was rolled back" +
              At(*decided_) + ": " + decided_->reason);
    }
  }

  void TellFell(SlotId slot, const JournalEntry* entry) {
    Say(Why::kLoaderFellBack,
        Running() + " is running because the boot loader could not use the kernel or initrd of " +
            SlotText(slot, VersionOf(slot)) + (entry == nullptr ? "" : ", noticed" + At(*entry)));
  }

  // A trial that was started and has no verdict in the journal.
  void TellUnfinishedTrial() {
    if (decided_->slot == facts_.slot) {
      Say(Why::kCommitted,
          Running() + " is running because its trial, started" + At(*decided_) + ", succeeded");
      return;
    }
    const bool pending = facts_.pending == decided_->slot && facts_.pending_tries.value_or(0) > 0;
    if (!pending) {
      TellTriesUsedUp();
      return;
    }
    const auto tries = std::to_string(*facts_.pending_tries);
    if (BestStage() == Stage::kNothing && decided_->boot_id == facts_.boot_id) {
      Say(Why::kTrialPending,
          Running() + " is running; " + Left(*decided_) + " is tried at the next boot");
    } else {
      Say(Why::kBetweenTries,
          Running() + " is running although " + Left(*decided_) + " has " + tries +
              " tries left: the boot loader did not take it this time");
    }
  }

  void TellTriesUsedUp() {
    const auto stage = BestStage();
    std::string how;
    switch (stage) {
      case Stage::kNothing:
        how = "never reached init";
        break;
      case Stage::kInit:
        how = "reached init, but not user space";
        break;
      case Stage::kUserSpace:
        how = "reached user space, but the gate never decided";
        break;
    }
    Say(Why::kTriesUsedUp,
        Running() + " is running because " + Left(*decided_) +
            " used up its tries without a verdict: it " + how);
    Detail(stage == Stage::kNothing
               ? "a try that leaves no mark ended in a kernel panic, a hang or a power cut before "
                 "the state partition was mounted"
               : "a try without a verdict ends by a crash, the watchdog or a power cut");
    AddTries();
  }

  // The entries of the trial that was decided about: from its start on.
  [[nodiscard]] std::span<const JournalEntry> TrialEntries() const {
    for (std::size_t i = entries_.size(); i-- > 0;) {
      if (entries_[i].event == JournalEvent::kTrialStarted) {
        return entries_.subspan(i);
      }
    }
    return entries_;
  }

  [[nodiscard]] Stage BestStage() const {
    Stage best = Stage::kNothing;
    const auto slot = decided_->slot.value_or(Other(facts_.slot));
    for (const auto& entry : TrialEntries()) {
      if (entry.slot != slot) {
        continue;
      }
      if (entry.event == JournalEvent::kUserSpaceReached) {
        best = Stage::kUserSpace;
      } else if (entry.event == JournalEvent::kInitReached && best == Stage::kNothing) {
        best = Stage::kInit;
      }
    }
    return best;
  }

  void AddTries() {
    const auto slot = decided_->slot.value_or(Other(facts_.slot));
    for (const auto& entry : TrialEntries()) {
      const bool mark = entry.event == JournalEvent::kInitReached ||
                        entry.event == JournalEvent::kUserSpaceReached;
      if (entry.slot == slot && mark) {
        Detail(
            FormatTime(entry.time) + ": slot " + std::string(Name(slot)) +
            (entry.event == JournalEvent::kInitReached ? " reached init" : " reached user space"));
      }
    }
  }

  // What ros-init found wrong with what this boot was started from.
  void AddBootCheck() {
    const auto* check = facts_.boot_id.empty() ? nullptr : FindBootCheck(entries_, facts_.boot_id);
    if (check != nullptr && check->boot_check != BootCheck::kVerified) {
      Detail(FormatTime(check->time) + ": " + check->reason);
    }
  }

  // What ros-init and the watchdog had to say since the last trial began.
  void AddFailures() {
    for (const auto& entry : TrialEntries()) {
      const bool worth =
          entry.event == JournalEvent::kEarlyFailure || entry.event == JournalEvent::kGateFailed ||
          entry.event == JournalEvent::kWatchdog || entry.event == JournalEvent::kRepaired;
      if (worth) {
        Detail(FormatTime(entry.time) + ": " + (entry.slot ? SlotText(*entry.slot) + ": " : "") +
               entry.reason);
      }
    }
  }

  std::span<const JournalEntry> entries_;
  const RunningFacts& facts_;
  const JournalEntry* decided_;
  Explanation result_;
};

}  // namespace

std::string_view Name(Why why) {
  switch (why) {
    case Why::kFreshInstall:
      return "fresh-install";
    case Why::kCommitted:
      return "committed";
    case Why::kOnTrial:
      return "on-trial";
    case Why::kReporterFailed:
      return "reporter-failed";
    case Why::kDeadline:
      return "deadline";
    case Why::kTriesUsedUp:
      return "tries-used-up";
    case Why::kLoaderFellBack:
      return "loader-fell-back";
    case Why::kByHand:
      return "by-hand";
    case Why::kTrialPending:
      return "trial-pending";
    case Why::kBetweenTries:
      return "between-tries";
    case Why::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Explanation Explain(std::span<const JournalEntry> entries, const RunningFacts& facts) {
  return Story(entries, facts).Tell();
}

}  // namespace ros::health
