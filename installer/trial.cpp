#include "installer/trial.hpp"

#include "health/bad_list.hpp"
#include "health/journal.hpp"
#include "installer/machine.hpp"

namespace ros::installer {
namespace {

using health::JournalEvent;
using health::RollbackCause;

health::JournalEntry EntryFor(const TrialMeans& means, JournalEvent event) {
  return {.event = event,
          .slot = means.content.slot,
          .version = means.content.VersionText(),
          .digest = means.content.digest};
}

void Condemn(const TrialMeans& means, health::JournalEntry entry) {
  const auto reason = entry.reason;
  health::Journal(means.state, means.clock).Append(std::move(entry));
  if (!means.content.digest.empty()) {
    health::AddBadImage(means.state,
                        {.digest = means.content.digest,
                         .version = means.content.VersionText(),
                         .reason = reason,
                         .time = means.clock.Now()});
  }
  means.store.Store(bootloader::Abandon(means.store.Load().StateOr(means.running)));
}

}  // namespace

bool IsOnTrial(const health::BootArguments& running, const bootloader::BootState& state) {
  return running.trial && state.trial && state.trial->slot == running.slot;
}

void CommitTrial(const TrialMeans& means) {
  const auto state = means.store.Load().StateOr(means.running);
  means.store.Store(bootloader::Commit(state, means.running));
  health::Journal(means.state, means.clock).Append(EntryFor(means, JournalEvent::kCommitted));
  if (means.content.config) {
    memory::RaiseEpochFloor(means.state, means.content.config->epoch);
  }
  means.store.MirrorGood();
}

void FailTrial(const TrialMeans& means, const health::Verdict& verdict) {
  auto entry = EntryFor(means, JournalEvent::kRolledBack);
  entry.cause = verdict.cause;
  entry.reporter = verdict.reporter;
  entry.reason = verdict.reason;
  Condemn(means, std::move(entry));
}

std::optional<std::string> SettleFailedTrial(const TrialMeans& means,
                                             const std::optional<SlotId>& fell_from) {
  const auto state = means.store.Load().StateOr(means.running);
  if (!state.trial || !state.trial->started || means.running != state.good) {
    return std::nullopt;
  }
  const bool fell = fell_from == state.trial->slot;
  if (!fell && state.trial->tries_left > 0) {
    return std::nullopt;  // Its next try is still to come.
  }
  auto entry = EntryFor(means, JournalEvent::kRolledBack);
  entry.cause = fell ? RollbackCause::kLoaderFellBack : RollbackCause::kTriesUsedUp;
  entry.reason = fell ? "its kernel or initrd did not load or is not what was installed"
                      : "every try ended in a reset before the health gate gave a verdict";
  const auto reason = entry.reason;
  Condemn(means, std::move(entry));
  return reason;
}

}  // namespace ros::installer
