#include "installer/gate.hpp"

#include <poll.h>

#include <optional>

#include "base/error.hpp"
#include "base/slot.hpp"
#include "installer/disk_growth.hpp"
#include "installer/first_boot.hpp"
#include "installer/kept_boot.hpp"
#include "installer/trial.hpp"
#include "partitions/layout_plan.hpp"

namespace ros::installer {
namespace {

using health::JournalEvent;
using std::chrono::milliseconds;

// How long another `ros` may hold the lock after the verdict.
constexpr milliseconds kLockPatience = std::chrono::minutes(5);
constexpr milliseconds kLockPause(200);

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

void Tell(const Troubles& troubles, const Console& console) {
  for (const auto& trouble : troubles) {
    console.Warn(trouble + ", ignoring");
  }
}

// A journal that cannot be written keeps nobody from a verdict.
void Note(const Machine& machine, const GateMeans& means, health::JournalEntry entry) {
  try {
    health::Journal(machine.state, means.clock).Append(std::move(entry));
  } catch (const std::exception& error) {
    means.console.Warn(std::string(error.what()) + ", ignoring");
  }
}

// What the gate goes by. Where no copy can be read, a trial is not taken for the good slot.
bootloader::BootState StateOf(const bootloader::LoadedState& loaded,
                              const health::BootArguments& running) {
  return loaded.StateOr(running.trial ? Other(running.slot) : running.slot);
}

// Feeds the watchdog, which a driver may refuse. Null is none.
void Feed(health::Watchdog* watchdog, const Console& console) {
  if (watchdog == nullptr) {
    return;
  }
  try {
    watchdog->Feed();
  } catch (const Error& error) {
    console.Warn(error.message() + ", ignoring");
  }
}

// For drivers that cannot be stopped: they are fed for as long as this process lives.
[[noreturn]] void FeedForEver(health::Watchdog& watchdog, const Console& console) {
  for (;;) {
    Feed(&watchdog, console);
    const auto third = milliseconds(watchdog.timeout()) / 3;
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
  FeedForEver(*watchdog, console);
}

// Takes over the watchdog that ros-init started. Without one the trial goes on, and that is told.
std::unique_ptr<health::Watchdog> TakeWatchdog(const Machine& machine,
                                               const GateMeans& means,
                                               std::chrono::seconds timeout) {
  if (timeout.count() == 0) {
    return nullptr;  // The image wants none.
  }
  health::WatchdogOpening opening;
  try {
    opening = means.open_watchdog(timeout);
  } catch (const Error& error) {
    opening.explanation = error.message();
  }
  if (opening.state != health::WatchdogState::kOpened) {
    means.console.Say("ros: " + opening.explanation);
    Note(machine,
         means,
         {.event = JournalEvent::kWatchdog,
          .slot = machine.running->slot,
          .reason = opening.explanation});
  }
  return std::move(opening.watchdog);
}

// The lock, while the watchdog is fed: another `ros` may be reading an image just now.
FileLock LockAfterVerdict(const GateMeans& means, health::Watchdog* watchdog) {
  const auto end = means.clock.SinceBoot() + kLockPatience;
  for (;;) {
    try {
      return LockMachine(WhenLocked::kThrow, means.runtime);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kBusy || means.clock.SinceBoot() >= end) {
        throw;
      }
    }
    Feed(watchdog, means.console);
    ::poll(nullptr, 0, static_cast<int>(kLockPause.count()));
  }
}

// The slot that this machine was booted from holds this, with health policy and all.
SlotContent ReadRunningSlot(const partitions::FatVolume& boot, SlotId slot) {
  auto content = ReadSlotContent(boot, slot);
  if (!content.config) {
    throw Error(ErrorKind::kVerification,
                SlotText(slot) + " does not say what it asks of a trial: " +
                    (content.problem.empty() ? "its files are missing" : content.problem));
  }
  return content;
}

void SettleTrial(const Machine& machine,
                 const GateMeans& means,
                 bootloader::BootStateStore& store,
                 const SlotContent& trial) {
  const auto entries = health::Journal(machine.state, means.clock).Read();
  const TrialMeans trial_means{.store = store,
                               .state = machine.state,
                               .clock = means.clock,
                               .running = machine.running->slot,
                               .image = ImageOf(trial, entries)};
  if (const auto settled = SettleFailedTrial(trial_means, machine.running->fell_from)) {
    means.console.Say("ros: version " + trial_means.image.version + " in slot " +
                      std::string(Name(trial.slot)) + " failed its trial: " + settled->why);
    Tell(settled->troubles, means.console);
  }
}

void RepairStateCopies(const Machine& machine,
                       const GateMeans& means,
                       bootloader::BootStateStore& store) {
  const auto loaded = store.Load();
  if (loaded.first.sound()) {
    return;
  }
  store.Store(StateOf(loaded, *machine.running));
  means.console.Say("ros: repaired the boot state: " + loaded.first.damage);
  Note(machine,
       means,
       {.event = JournalEvent::kRepaired,
        .slot = machine.running->slot,
        .reason = "the boot state was damaged: " + loaded.first.damage});
}

void TakeOverKeptState(const Machine& machine,
                       const GateMeans& means,
                       const partitions::FatVolume& boot) {
  if (const auto done = FinishKeptState(machine, boot, means.clock); !done.empty()) {
    means.console.Say("ros: " + done);
  }
}

// A disk that cannot be used wholly is used as far as it was before.
void UseWholeDisk(const Machine& machine, const GateMeans& means) {
  try {
    const auto plan = PlanGrowth(InspectGrowth(machine));
    if (!plan.steps.empty()) {
      means.console.Say("ros: " + plan.disk.string() +
                        " is larger than what is on it: " + DescribeGrowth(plan));
      ApplyGrowth(plan, machine, {.clock = means.clock});
    }
  } catch (const Error& error) {
    means.console.Warn(error.message() + ", ignoring");
  }
}

// No trial is running: whatever an interrupted operation left is put in order.
GateOutcome KeepGoodSlot(const Machine& machine, const GateMeans& means) {
  const auto lock = LockMachine(WhenLocked::kWait, means.runtime);
  const auto& running = *machine.running;
  const auto boot = OpenBootVolume(machine, DeviceAccess::kWrite);
  const auto store = OpenBootState(boot);
  RepairStateCopies(machine, means, *store);
  const auto state = StateOf(store->Load(), running);
  if (state.good != running.slot) {
    // A trial whose boot state was lost can be judged by nobody; a person who chose a slot in the
    // loader's menu keeps it.
    if (running.trial) {
      return GateOutcome::kFailed;
    }
    if (!running.fell_from) {
      means.console.Warn(SlotText(running.slot) + " runs and slot " +
                         std::string(Name(state.good)) +
                         " is the good one; this boot is no trial, so nobody judges it");
    }
    return GateOutcome::kGood;
  }
  if (state.trial) {
    SettleTrial(machine, means, *store, ReadSlotContent(boot, state.trial->slot));
  }
  // The sides of a commit or a rollback that were cut off.
  store->MirrorGood();
  TakeOverKeptState(machine, means, boot);
  const auto entries = health::Journal(machine.state, means.clock).Read();
  Tell(
      RecordGood(machine.state, means.clock, ImageOf(ReadSlotContent(boot, running.slot), entries)),
      means.console);
  FinishFirstBoot(
      machine, {.seed = partitions::RandomSeed(), .clock = means.clock, .loader = LoaderOn(boot)});
  UseWholeDisk(machine, means);
  return GateOutcome::kGood;
}

GateOutcome GiveUp(const TrialMeans& trial,
                   const health::Verdict& verdict,
                   const Console& console) {
  console.Say("ros: the trial has failed: " + verdict.reason);
  Tell(FailTrial(trial, verdict), console);
  return GateOutcome::kFailed;  // The watchdog is left counting.
}

// The lock ends with this: a watchdog that cannot be stopped is fed for good.
GateOutcome CarryOut(const health::Verdict& verdict,
                     const Machine& machine,
                     const GateMeans& means,
                     const SlotImage& image,
                     health::Watchdog* watchdog) {
  const auto lock = LockAfterVerdict(means, watchdog);
  const auto boot = OpenBootVolume(machine, DeviceAccess::kWrite);
  const auto store = OpenBootState(boot);
  const TrialMeans trial{.store = *store,
                         .state = machine.state,
                         .clock = means.clock,
                         .running = image.slot,
                         .image = image};
  if (verdict.decision == health::Decision::kRollBack) {
    return GiveUp(trial, verdict, means.console);
  }
  Tell(CommitTrial(trial), means.console);
  means.console.Say("ros: committed: version " + image.version + " in slot " +
                    std::string(Name(image.slot)) + " is the good slot now");
  return GateOutcome::kCommitted;
}

GateOutcome KeepTrial(const Machine& machine, const GateMeans& means) {
  const auto running = machine.running->slot;
  // Opened for writing, although nothing is written yet: what keeps the verdict from being stored
  // shows at once.
  const auto content = ReadRunningSlot(OpenBootVolume(machine, DeviceAccess::kWrite), running);
  const auto image = ImageOf(content, {});
  Note(machine,
       means,
       {.event = JournalEvent::kUserSpaceReached,
        .slot = running,
        .version = image.version,
        .digest = image.digest});
  const auto watchdog = TakeWatchdog(machine, means, content.config->health.watchdog);
  ConsoleEvents events(means.console);
  auto request = GateRequestFor(content);
  request.reports = means.runtime / "health";
  request.checks = means.checks;
  const auto verdict = health::RunGate(request, watchdog.get(), means.clock, events);
  const auto outcome = CarryOut(verdict, machine, means, image, watchdog.get());
  if (outcome == GateOutcome::kCommitted) {
    StopWatchdog(watchdog.get(), means.console);
  }
  return outcome;
}

// Whether the slot has become good meanwhile. What cannot be read says no.
bool IsGood(const Machine& machine) {
  try {
    const auto state = OpenBootState(OpenBootVolume(machine, DeviceAccess::kRead))->Load().state();
    return state && state->good == machine.running->slot;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

health::GateRequest GateRequestFor(const SlotContent& content) {
  const auto policy = content.config ? content.config->health : images::HealthPolicy();
  return {.required = policy.required, .deadline = policy.deadline};
}

GateOutcome KeepGate(const Machine& machine, const GateMeans& means) {
  const auto& running = machine.running.value();
  const auto state =
      StateOf(OpenBootState(OpenBootVolume(machine, DeviceAccess::kRead))->Load(), running);
  if (IsOnTrial(running, state)) {
    return KeepTrial(machine, means);
  }
  const auto outcome = KeepGoodSlot(machine, means);
  if (outcome == GateOutcome::kGood && running.trial) {
    // This gate was started again after one that committed and did not live to stop the watchdog.
    StopWatchdog(TakeWatchdog(machine, means, running.watchdog).get(), means.console);
  }
  return outcome;
}

AfterGate RunGateService(const health::BootArguments& booted,
                         const std::function<Machine()>& open_machine,
                         const GateMeans& means) {
  std::optional<Machine> machine;
  try {
    machine = open_machine();
    return KeepGate(*machine, means) == GateOutcome::kFailed ? AfterGate::kReboot
                                                             : AfterGate::kStay;
  } catch (const std::exception& error) {
    if (!booted.trial || (machine && IsGood(*machine))) {
      throw;
    }
    const auto why = std::string("the health gate failed: ") + error.what();
    means.console.Warn(why);
    Note(machine.value_or(Machine{.state = kStateDirectory}),
         means,
         {.event = JournalEvent::kGateFailed, .slot = booted.slot, .reason = why});
    return AfterGate::kReboot;
  }
}

}  // namespace ros::installer
