#include "installer/gate.hpp"

#include <poll.h>

#include "base/error.hpp"
#include "installer/trial.hpp"

namespace ros::installer {
namespace {

using health::JournalEvent;

// Tells on the console what the gate hears.
class ConsoleEvents final : public health::GateEvents {
 public:
  explicit ConsoleEvents(const Console& console) : console_(console) {}

  void Waiting(const std::vector<std::string>& required) override {
    std::string names;
    for (const auto& name : required) {
      names += (names.empty() ? "" : ", ") + name;
    }
    console_.Say("ros: this slot is on trial; waiting for " +
                 (names.empty() ? std::string("no reporter") : names));
  }

  void Heard(const health::Report& report) override {
    const bool ok = report.status == health::ReportStatus::kOk;
    console_.Say("ros: " + report.name + (ok ? " is ok" : " failed") +
                 (report.reason.empty() ? "" : ": " + report.reason));
  }

  void NotYet(std::string_view check, std::string_view why) override {
    console_.Say("ros: " + std::string(check) + " not yet: " + std::string(why));
  }

 private:
  const Console& console_;
};

// The good slot is running: whatever an interrupted operation left is put in order.
void KeepGoodSlot(const Machine& machine, const Console& console) {
  const auto lock = LockMachine(WhenLocked::kWait);
  const auto running = machine.running.value();
  const auto boot = OpenBootVolume(machine, DeviceAccess::kWrite);
  const auto store = OpenBootState(boot);
  const auto loaded = store->Load();
  const SystemClock clock;
  if (!loaded.first.sound()) {
    store->Store(loaded.StateOr(running.slot));
    health::Journal(machine.state, clock)
        .Append({.event = JournalEvent::kRepaired,
                 .slot = running.slot,
                 .reason = "the boot state was damaged: " + loaded.first.damage});
    console.Say("ros: repaired the boot state: " + loaded.first.damage);
  }
  const auto state = store->Load().StateOr(running.slot);
  if (state.trial) {
    const TrialMeans means{.store = *store,
                           .state = machine.state,
                           .clock = clock,
                           .running = running.slot,
                           .content = ReadSlotContent(boot, state.trial->slot)};
    if (const auto why = SettleFailedTrial(means, running.fell_from)) {
      console.Say("ros: version " + means.content.VersionText() + " in slot " +
                  std::string(Name(state.trial->slot)) + " failed its trial: " + *why);
    }
  }
  // The sides of a commit or a rollback that were cut off.
  if (state.good == running.slot) {
    store->MirrorGood();
  }
}

// For drivers that cannot be stopped: they are fed for as long as this process lives.
[[noreturn]] void FeedForEver(health::Watchdog& watchdog) {
  for (;;) {
    watchdog.Feed();
    const auto third = std::chrono::milliseconds(watchdog.timeout()) / 3;
    ::poll(nullptr, 0, static_cast<int>(third.count()));
  }
}

// After the commit. A driver that fails to stop is fed as well: what is good must not be reset.
void StopWatchdog(health::Watchdog* watchdog, const Console& console) {
  if (watchdog == nullptr) {
    return;
  }
  try {
    if (watchdog->Stop() == health::StopResult::kStopped) {
      return;
    }
    console.Say("ros: " + watchdog->name() + " cannot be stopped; feeding it");
  } catch (const Error& error) {
    console.Warn(error.message() + "; feeding it");
  }
  FeedForEver(*watchdog);
}

health::WatchdogOpening OpenTrialWatchdog(const Machine& machine,
                                          const SlotContent& content,
                                          const Console& console) {
  const auto timeout =
      content.config ? content.config->health.watchdog : images::HealthPolicy().watchdog;
  auto opening = health::OpenWatchdog("/dev", timeout);
  if (opening.state != health::WatchdogState::kOpened) {
    console.Say("ros: " + opening.explanation);
    health::Journal(machine.state, SystemClock())
        .Append({.event = JournalEvent::kWatchdog,
                 .slot = content.slot,
                 .reason = opening.explanation});
  }
  return opening;
}

GateOutcome KeepTrial(const Machine& machine, const Console& console) {
  const auto running = machine.running->slot;
  const auto content = ReadSlotContent(OpenBootVolume(machine, DeviceAccess::kRead), running);
  const SystemClock clock;
  health::Journal(machine.state, clock)
      .Append({.event = JournalEvent::kUserSpaceReached,
               .slot = running,
               .version = content.VersionText(),
               .digest = content.digest});
  auto opening = OpenTrialWatchdog(machine, content, console);
  ConsoleEvents events(console);
  const auto verdict =
      health::RunGate(GateRequestFor(content), opening.watchdog.get(), clock, events);
  const auto lock = LockMachine(WhenLocked::kWait);
  const auto boot = OpenBootVolume(machine, DeviceAccess::kWrite);
  const auto store = OpenBootState(boot);
  const TrialMeans means{.store = *store,
                         .state = machine.state,
                         .clock = clock,
                         .running = running,
                         .content = content};
  if (verdict.decision == health::Decision::kRollBack) {
    console.Say("ros: the trial has failed: " + verdict.reason);
    FailTrial(means, verdict);
    return GateOutcome::kFailed;  // The watchdog is left counting.
  }
  CommitTrial(means);
  console.Say("ros: committed: version " + content.VersionText() + " in slot " +
              std::string(Name(running)) + " is the good slot now");
  StopWatchdog(opening.watchdog.get(), console);
  return GateOutcome::kCommitted;
}

}  // namespace

health::GateRequest GateRequestFor(const SlotContent& content) {
  const auto policy = content.config ? content.config->health : images::HealthPolicy();
  return {.required = policy.required, .deadline = policy.deadline};
}

GateOutcome KeepGate(const Machine& machine, const Console& console) {
  const auto state = OpenBootState(OpenBootVolume(machine, DeviceAccess::kRead))
                         ->Load()
                         .StateOr(machine.running.value().slot);
  const bool on_trial = state.trial && state.trial->slot == machine.running->slot;
  if (!on_trial) {
    KeepGoodSlot(machine, console);
    return GateOutcome::kGood;
  }
  return KeepTrial(machine, console);
}

}  // namespace ros::installer
