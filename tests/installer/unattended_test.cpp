#include "installer/unattended.hpp"

#include <catch2/catch.hpp>
#include <csignal>

#include "base/error.hpp"
#include "base/interrupt.hpp"

namespace ros::installer {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

config::UpgradeSettings Settings(const std::string& window, seconds delay = seconds(0)) {
  return {.channel = "registry.example/os:stable",
          .window = config::ParseUpgradeWindow(window),
          .delay = delay};
}

UnixTime At(const std::string& time) {
  return ParseTime("2026-03-02T" + time + "Z");
}

std::string MachineNumber(int number) {
  return "machine-" + std::to_string(number);
}

// Time that passes when it is asked for.
class RunningClock final : public Clock {
 public:
  [[nodiscard]] UnixTime Now() const override { return 0; }

  [[nodiscard]] bool IsSynchronized() const override { return false; }

  [[nodiscard]] std::chrono::milliseconds SinceBoot() const override { return now_ += hours(1); }

 private:
  mutable std::chrono::milliseconds now_{0};
};

}  // namespace

TEST_CASE("FindTurn: none where nobody has said what and when", "[installer]") {
  config::UpgradeSettings settings;
  CHECK_FALSE(FindTurn(settings, "m", 0).wait);
  CHECK_THAT(FindTurn(settings, "m", 0).why, Catch::Contains("ros.upgrade.channel"));
  settings.channel = "registry.example/os:stable";
  CHECK_FALSE(FindTurn(settings, "m", 0).wait);
  CHECK_THAT(FindTurn(settings, "m", 0).why, Catch::Contains("ros.upgrade.window"));
  CHECK_FALSE(IsOpen(settings, 0));
}

TEST_CASE("FindTurn: none outside of the window", "[installer]") {
  const auto settings = Settings("22:00-05:00");
  const auto closed = FindTurn(settings, "m", At("12:00:00"));
  CHECK_FALSE(closed.wait);
  CHECK(closed.why == "the time window 22:00-05:00 opens on 2026-03-02T22:00:00Z");
  CHECK_FALSE(IsOpen(settings, At("12:00:00")));
  CHECK(FindTurn(settings, "m", At("23:00:00")).wait == seconds(0));
  CHECK(FindTurn(settings, "m", At("04:59:59")).wait == seconds(0));
  CHECK(IsOpen(settings, At("04:59:59")));
}

TEST_CASE("FindObstacle: a trial that runs, and one that is pending", "[installer]") {
  bootloader::BootState state{.good = SlotId::kA};
  CHECK(FindObstacle(state, SlotId::kA).empty());
  state = bootloader::StartTrial(state, SlotId::kA, SlotId::kB, 3);
  CHECK(
      FindObstacle(state, SlotId::kA) ==
      "a trial of slot b is pending; it is tried at the next reboot, and ros rollback gives it up");
  CHECK(FindObstacle(state, SlotId::kB) ==
        "what runs is on trial, and its health gate has not judged it yet");
}

TEST_CASE("FindTurn: each machine has a place of its own, behind the opening", "[installer]") {
  const auto settings = Settings("02:00-06:00", hours(2));
  constexpr int kMachines = 1000;
  int first_half = 0;
  for (int i = 0; i < kMachines; ++i) {
    const auto machine = MachineNumber(i);
    const auto place = PlaceWithin(hours(2), machine);
    REQUIRE(place >= seconds(0));
    REQUIRE(place < hours(2));
    first_half += place < hours(1) ? 1 : 0;
    // Wherever in the window it is started it waits until then, and afterwards not at all.
    CHECK(FindTurn(settings, machine, At("02:00:00")).wait == place);
    CHECK(FindTurn(settings, machine, At("02:30:00")).wait ==
          std::max(place - seconds(1800), seconds(0)));
    CHECK(FindTurn(settings, machine, At("04:00:00")).wait == seconds(0));
  }
  CHECK(first_half > kMachines * 45 / 100);
  CHECK(first_half < kMachines * 55 / 100);
}

TEST_CASE("FindTurn: a delay longer than the window leaves half of it to each machine",
          "[installer]") {
  const auto settings = Settings("02:00-03:00", hours(5));
  for (int i = 0; i < 100; ++i) {
    const auto turn = FindTurn(settings, MachineNumber(i), At("02:00:00"));
    REQUIRE(turn.wait);
    CHECK(*turn.wait < seconds(1800));
  }
}

TEST_CASE("FindTurn: where it is always open, so long after the start", "[installer]") {
  const auto settings = Settings("always", hours(2));
  const auto place = PlaceWithin(hours(2), "m");
  REQUIRE(place > seconds(0));
  CHECK(FindTurn(settings, "m", At("00:00:00")).wait == place);
  CHECK(FindTurn(settings, "m", At("23:59:00")).wait == place);
  CHECK(FindTurn(Settings("always"), "m", At("23:59:00")).wait == seconds(0));
}

TEST_CASE("FindArmObstacle: none for what is written, while the window is open", "[installer]") {
  const auto settings = Settings("02:00-04:00");
  UpgradePlan plan;
  plan.steps = {ArmTrial{SlotId::kB, 3}, Reboot{}};
  CHECK(FindArmObstacle(settings, plan, At("03:59:59")).empty());
  CHECK(FindArmObstacle(settings, plan, At("04:00:00")) ==
        "the time window has closed; the machine restarts into what is new when it is open again");
  CHECK(FindRestartObstacle(settings, At("04:00:00")) ==
        FindArmObstacle(settings, plan, At("04:00:00")));
}

TEST_CASE("FindArmObstacle: what would have to be written first is not armed", "[installer]") {
  UpgradePlan plan;
  plan.steps = {EmptySlot{SlotId::kB}, WriteSlotBootFiles{SlotId::kB, {}}, ArmTrial{SlotId::kB, 3}};
  CHECK(FindArmObstacle(Settings("02:00-04:00"), plan, At("03:00:00")) ==
        "what is to be tried is not what was just written; it is written at this machine's next "
        "turn");
}

TEST_CASE("WaitInterruptibly: waits, and a signal ends it", "[installer]") {
  const RunningClock clock;
  const InterruptGuard guard;
  CHECK_NOTHROW(WaitInterruptibly(seconds(0), clock));
  CHECK_NOTHROW(WaitInterruptibly(seconds(1), clock));
  ::raise(SIGTERM);
  CHECK_THROWS_WITH(WaitInterruptibly(hours(5), clock), Catch::Contains("interrupted"));
  // Taken away again, or it would end the test.
  const auto signals = InterruptSignals();
  int signal = 0;
  ::sigwait(&signals, &signal);
  CHECK(signal == SIGTERM);
}

}  // namespace ros::installer
