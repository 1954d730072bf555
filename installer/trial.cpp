#include "installer/trial.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "health/bad_list.hpp"
#include "installer/machine.hpp"

namespace ros::installer {
namespace {

using health::JournalEvent;
using health::RollbackCause;

health::JournalEntry EntryFor(const SlotImage& image, JournalEvent event) {
  return {.event = event, .slot = image.slot, .version = image.version, .digest = image.digest};
}

Troubles Condemn(const TrialMeans& means, const health::JournalEntry& entry) {
  Troubles troubles;
  Try(troubles, [&] { health::Journal(means.state, means.clock).Append(entry); });
  if (!means.image.digest.empty()) {
    Try(troubles, [&] {
      health::AddBadImage(means.state,
                          {.digest = means.image.digest,
                           .version = means.image.version,
                           .reason = entry.reason,
                           .time = means.clock.Now()});
    });
  }
  means.store.Store(bootloader::Abandon(means.store.Load().StateOr(means.running)));
  return troubles;
}

}  // namespace

bool IsOnTrial(const health::BootArguments& running, const bootloader::BootState& state) {
  return running.trial && state.trial && state.trial->slot == running.slot;
}

SlotImage ImageOf(const SlotContent& content, const std::vector<health::JournalEntry>& entries) {
  SlotImage image{.slot = content.slot, .version = content.VersionText(), .digest = content.digest};
  if (content.config) {
    image.epoch = content.config->epoch;
  }
  if (image.digest.empty()) {
    const auto names_it = [&](const auto& entry) {
      return entry.slot == content.slot && !entry.digest.empty();
    };
    const auto last = std::find_if(entries.rbegin(), entries.rend(), names_it);
    if (last != entries.rend()) {
      image.version = last->version;
      image.digest = last->digest;
    }
  }
  return image;
}

Troubles CommitTrial(const TrialMeans& means) {
  const auto state = means.store.Load().StateOr(means.running);
  means.store.Store(bootloader::Commit(state, means.running));
  auto troubles = RecordGood(means.state, means.clock, means.image);
  Try(troubles, [&] { means.store.MirrorGood(); });
  return troubles;
}

Troubles RecordGood(const std::filesystem::path& state,
                    const Clock& clock,
                    const SlotImage& image) {
  Troubles troubles;
  if (image.epoch) {
    Try(troubles, [&] { memory::RaiseEpochFloor(state, *image.epoch); });
  }
  if (!image.digest.empty()) {
    // A rollback that was cut before the boot state has left it there.
    Try(troubles, [&] { health::RemoveBadImage(state, image.digest); });
    Try(troubles, [&] {
      const health::Journal journal(state, clock);
      if (!WasGood(journal.Read(), image.slot, image.digest)) {
        journal.Append(EntryFor(image, JournalEvent::kCommitted));
      }
    });
  }
  return troubles;
}

bool WasGood(const std::vector<health::JournalEntry>& entries,
             SlotId slot,
             std::string_view digest) {
  bool good = false;
  for (const auto& entry : entries) {
    if (entry.slot != slot) {
      continue;
    }
    if (entry.event == JournalEvent::kInstalled || entry.event == JournalEvent::kCommitted) {
      good = entry.digest == digest;
    } else if (entry.event == JournalEvent::kUpgradeIntent) {
      good = false;
    }
  }
  return good;
}

Troubles FailTrial(const TrialMeans& means, const health::Verdict& verdict) {
  auto entry = EntryFor(means.image, JournalEvent::kRolledBack);
  entry.cause = verdict.cause;
  entry.reporter = verdict.reporter;
  entry.reason = verdict.reason;
  return Condemn(means, entry);
}

std::optional<SettledTrial> SettleFailedTrial(const TrialMeans& means,
                                              const std::optional<SlotId>& fell_from) {
  const auto state = means.store.Load().StateOr(means.running);
  if (!state.trial || !state.trial->started || means.running != state.good) {
    return std::nullopt;
  }
  const bool fell = fell_from == state.trial->slot;
  if (!fell && state.trial->tries_left > 0) {
    return std::nullopt;  // Its next try is still to come.
  }
  auto entry = EntryFor(means.image, JournalEvent::kRolledBack);
  entry.cause = fell ? RollbackCause::kLoaderFellBack : RollbackCause::kTriesUsedUp;
  entry.reason = fell ? "its kernel or initrd did not load or is not what was installed"
                      : "every try ended in a reset before the health gate gave a verdict";
  return SettledTrial{.why = entry.reason, .troubles = Condemn(means, entry)};
}

}  // namespace ros::installer
