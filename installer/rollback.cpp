#include "installer/rollback.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/slot.hpp"
#include "health/bad_list.hpp"
#include "images/verify_root.hpp"

namespace ros::installer {
namespace {

using health::JournalEvent;
using health::RollbackCause;

std::string Slot(const SlotContent& content) {
  return SlotText(content.slot) + " (" + content.VersionText() + ")";
}

std::string_view KindName(RollbackKind kind) {
  switch (kind) {
    case RollbackKind::kGiveUpRunningTrial:
      return "give-up-running-trial";
    case RollbackKind::kGiveUpPendingTrial:
      return "give-up-pending-trial";
    case RollbackKind::kReturn:
      return "return";
  }
  return "";
}

bool RootIsSound(const Machine& machine, const SlotContent& content, Progress& progress) {
  if (!content.config) {
    return false;
  }
  try {
    images::VerifyRoot(partitions::OpenPartition(
                           machine.disk, partitions::RoleOf(content.slot), DeviceAccess::kRead),
                       content.config->root,
                       progress);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Whether the boot loader went past the good slot and its files are still damaged: what runs is all
// that this machine has then, whatever the journal says of it.
bool IsLastThatStarts(const partitions::FatVolume& boot,
                      const health::BootArguments& running,
                      const bootloader::BootState& state) {
  return running.fell_from == state.good && running.slot != state.good &&
         !BootFilesAreSound(boot, state.good);
}

}  // namespace

RollbackFacts InspectRollback(const Machine& machine, Progress& progress) {
  const auto boot = OpenBootVolume(machine, DeviceAccess::kRead);
  const auto& running = machine.running.value();
  RollbackFacts facts;
  facts.running = running.slot;
  facts.state = OpenBootState(boot)->Load().StateOr(running.slot);
  const bool pending = facts.state.trial.has_value();
  const auto target = pending ? facts.state.good : Other(facts.state.good);
  facts.leaving = ReadSlotContent(boot, pending ? facts.state.trial->slot : facts.state.good);
  facts.target = ReadSlotContent(boot, target);
  if (!pending) {
    const SystemClock clock;
    const auto entries = health::Journal(machine.state, clock).Read();
    facts.was_good = WasGood(entries, facts.target.slot, facts.target.digest) ||
                     IsLastThatStarts(boot, running, facts.state);
    facts.target.complete = facts.target.complete && BootFilesAreSound(boot, target);
    // All of a root is read for that: not where it is refused anyway.
    facts.verity_sound =
        facts.was_good && facts.target.complete && RootIsSound(machine, facts.target, progress);
  }
  return facts;
}

RollbackPlan PlanRollback(const RollbackFacts& facts, const RollbackRequest& request) {
  RollbackPlan plan{.leaving = facts.leaving, .target = facts.target};
  const bool now = request.reboot == RollbackRequest::Reboot::kNow;
  if (facts.state.trial) {
    const bool running_it = facts.running == facts.state.trial->slot;
    plan.kind = running_it ? RollbackKind::kGiveUpRunningTrial : RollbackKind::kGiveUpPendingTrial;
    plan.after = bootloader::Abandon(facts.state);
    plan.reboot = running_it && now;
    return plan;
  }
  plan.kind = RollbackKind::kReturn;
  plan.after = bootloader::Rollback(facts.state,
                                    facts.target.slot,
                                    {.was_good = facts.was_good,
                                     .complete = facts.target.complete,
                                     .verity_sound = facts.verity_sound});
  plan.reboot = now && facts.running != facts.target.slot;
  return plan;
}

std::string DescribeRollback(const RollbackPlan& plan) {
  std::string text;
  switch (plan.kind) {
    case RollbackKind::kGiveUpRunningTrial:
      text = "give up the running trial of " + Slot(plan.leaving) + " and go back to " +
             Slot(plan.target) + "; ros upgrade refuses that image without --retry";
      break;
    case RollbackKind::kGiveUpPendingTrial:
      text = "give up the trial of " + Slot(plan.leaving) + " that waits for the next boot; " +
             Slot(plan.target) + " stays the good slot";
      break;
    case RollbackKind::kReturn:
      text = "go back from " + Slot(plan.leaving) + " to " + Slot(plan.target) +
             ", which is the good slot from now on; ros upgrade refuses the image that is left "
             "without --retry";
      break;
  }
  return text + (plan.reboot ? "\nreboot\n" : "\n");
}

Json RollbackToJson(const RollbackPlan& plan) {
  return Json::MakeObject()
      .Set("kind", KindName(plan.kind))
      .Set("from",
           Json::MakeObject()
               .Set("slot", Name(plan.leaving.slot))
               .Set("version", plan.leaving.VersionText()))
      .Set("to",
           Json::MakeObject()
               .Set("slot", Name(plan.target.slot))
               .Set("version", plan.target.VersionText()))
      .Set("reboot", plan.reboot);
}

Troubles ApplyRollback(const RollbackPlan& plan, const RollbackMeans& means) {
  Troubles troubles;
  const bool pending = plan.kind == RollbackKind::kGiveUpPendingTrial;
  health::JournalEntry entry{
      .event = pending ? JournalEvent::kTrialAbandoned : JournalEvent::kRolledBack,
      .slot = plan.leaving.slot,
      .version = plan.leaving.VersionText(),
      .digest = plan.leaving.digest,
      .reason = "by ros rollback"};
  if (!pending) {
    entry.cause = RollbackCause::kByHand;
    if (!plan.leaving.digest.empty()) {
      Try(troubles, [&] {
        health::AddBadImage(means.state,
                            {.digest = plan.leaving.digest,
                             .version = plan.leaving.VersionText(),
                             .reason = "left by hand with ros rollback",
                             .time = means.clock.Now()});
      });
    }
  }
  Try(troubles, [&] { health::Journal(means.state, means.clock).Append(std::move(entry)); });
  try {
    means.store.Store(plan.after);
  } catch (const Error&) {
    // What stays good is not bad.
    Try(troubles, [&] { health::RemoveBadImage(means.state, plan.leaving.digest); });
    throw;
  }
  Try(troubles, [&] { means.store.MirrorGood(); });
  return troubles;
}

}  // namespace ros::installer
