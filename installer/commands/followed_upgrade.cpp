#include "installer/commands/followed_upgrade.hpp"

#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "base/output_file.hpp"
#include "config/config_file.hpp"
#include "installer/followed_text.hpp"
#include "installer/status.hpp"
#include "installer/unattended.hpp"

namespace ros::installer {
namespace {

FollowRequest RequestOf(const UpgradeOptions& options) {
  using trust::ChoiceWish;
  return {.wish = {.wave = options.now ? ChoiceWish::Wave::kJump : ChoiceWish::Wave::kWait,
                   .older = options.allow_downgrade ? ChoiceWish::Older::kWhenWithdrawn
                                                    : ChoiceWish::Older::kNever,
                   .bad = options.retry ? ChoiceWish::Bad::kRetry : ChoiceWish::Bad::kPassOver},
          .connection = ConnectionOf(options)};
}

void TellNothing(const FollowedRelease& found,
                 const UpgradeOptions& options,
                 const Console& console) {
  const auto json = FollowedToJson(found);
  if (options.plan && console.json()) {
    console.PrintJson(json);
  } else if (options.plan) {
    console.Print(DescribeFollowed(found));
  } else {
    console.Say(DescribeFollowed(found));
    auto event = Json::MakeObject().Set("event", "nothing-to-do");
    for (const auto& member : json.AsObject("")) {
      event.Set(member.key, member.value);
    }
    console.PrintEvent(event);
  }
}

config::UpgradeSettings SettingsOf(const Machine& machine) {
  return config::ConfigFiles(machine.state / "config").Upgrade();
}

void TellNoTurn(const std::string& why, const Console& console) {
  console.Say(why);
  console.PrintEvent(
      Json::MakeObject().Set("event", "nothing-to-do").Set("state", "no-turn").Set("message", why));
}

// Whether there is none.
bool TellObstacle(const std::string& why, const Console& console) {
  if (!why.empty()) {
    TellNoTurn(why, console);
  }
  return why.empty();
}

// Waits for the time that is this machine's; false where there is none now.
bool WaitForTurn(const Machine& machine, const Console& console) {
  const SystemClock clock;
  const auto turn = FindTurn(SettingsOf(machine), MachineIdentity(machine), clock.Now());
  if (!turn.wait) {
    TellNoTurn(turn.why, console);
    return false;
  }
  if (turn.wait->count() > 0) {
    console.Say(turn.why);
    WaitInterruptibly(*turn.wait, clock);
  }
  return true;
}

// None where the window closes before it is free. The machine may have slept before that, or
// somebody has set its clock or taken the window away.
std::optional<FileLock> LockWhileOpen(const Machine& machine, const Console& console) {
  constexpr std::chrono::seconds kLookAgain(1);
  const SystemClock clock;
  for (bool told = false; IsOpen(SettingsOf(machine), clock.Now());) {
    try {
      return LockMachine();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kBusy) {
        throw;
      }
      if (!std::exchange(told, true)) {
        console.Say("another ros is at work; waiting until it is done, while the window is open");
      }
    }
    WaitInterruptibly(kLookAgain, clock);
  }
  return std::nullopt;
}

}  // namespace

std::optional<UpgradeAim> AimAtChannel(const Machine& machine,
                                       TrustRules rules,
                                       const UpgradeOptions& options,
                                       const Console& console) {
  const auto request = RequestOf(options);
  const auto found = FindRelease(machine, rules, request);
  if (!found.is_available()) {
    if (!options.plan) {
      RememberDocumentOf(found, machine);
    }
    TellNothing(found, options, console);
    return std::nullopt;
  }
  console.Say(DescribeFollowed(found));
  rules.channel = found.document.shown;
  return UpgradeAim{.location = ImageOf(found.followed, found.choice.release, request.connection),
                    .rules = std::move(rules)};
}

std::optional<FileLock> LockAtTurn(const Machine& machine, const Console& console) {
  if (!WaitForTurn(machine, console)) {
    return std::nullopt;
  }
  auto lock = LockWhileOpen(machine, console);
  if (!lock) {
    TellNoTurn("the time window has closed before this machine's turn", console);
    return std::nullopt;
  }
  const auto status = InspectStatus(machine);
  if (const auto why = FindObstacle(status.state(), machine.running.value().slot); !why.empty()) {
    TellNoTurn(why, console);
    return std::nullopt;
  }
  return lock;
}

bool MayRestart(const Machine& machine, const Console& console) {
  return TellObstacle(FindRestartObstacle(SettingsOf(machine), SystemClock().Now()), console);
}

bool MayArm(const UpgradePlan& plan, const Machine& machine, const Console& console) {
  return TellObstacle(FindArmObstacle(SettingsOf(machine), plan, SystemClock().Now()), console);
}

void CheckChannel(const UpgradeOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const InterruptGuard guard;
  context.when_interrupted = "nothing was written";
  const auto machine = OpenRunningMachine();
  const SystemClock clock;
  std::filesystem::path metrics;
  if (!options.prometheus.empty()) {
    metrics = ResolveOutput(options.prometheus);
  }
  const auto found = FindRelease(machine, FindTrustRules(machine, clock), RequestOf(options));
  if (!metrics.empty()) {
    WriteFileAtomically(metrics, AsBytes(FollowedMetrics(found, clock.Now())));
  }
  if (console.json()) {
    console.PrintJson(FollowedToJson(found));
  } else {
    console.Print(DescribeFollowed(found));
  }
  context.exit_code = found.is_available() ? kSomethingNewExit : 0;
}

}  // namespace ros::installer
