#include "installer/gate.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "health/bad_list.hpp"
#include "health/journal.hpp"
#include "installer/trial.hpp"
#include "tests/installer/support/installed_disk.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using bootloader::BootState;
using bootloader::Trial;
using health::JournalEvent;

struct WatchdogFacts {
  int opened = 0;
  int fed = 0;
  bool stopped = false;
  std::function<void()> on_feed = [] {};
};

class FakeWatchdog final : public health::Watchdog {
 public:
  explicit FakeWatchdog(WatchdogFacts& facts) : facts_(facts) { ++facts_.opened; }

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::chrono::seconds timeout() const override { return std::chrono::seconds(60); }

  void Feed() override {
    ++facts_.fed;
    facts_.on_feed();
  }

  health::StopResult Stop() override {
    facts_.stopped = true;
    return health::StopResult::kStopped;
  }

 private:
  WatchdogFacts& facts_;
  std::string name_ = "fake";
};

// Version 2 is on its first try, running.
struct Story : UpgradedDisk {
  TempDirectory runtime;
  Console console;
  WatchdogFacts watchdog;
  Machine machine = {.disk = partitions::OpenRosDisk(disk->name()),
                     .state = state.path(),
                     .running = health::BootArguments{
                         .slot = SlotId::kB, .watchdog = std::chrono::seconds(60), .trial = 2}};

  Story() : UpgradedDisk(AfterWriting::kArm, {SlotId::kA, Trial{SlotId::kB, 2, true}}) {}

  [[nodiscard]] partitions::FatVolume Boot() const {
    return OpenBootVolume(machine, DeviceAccess::kWrite);
  }

  [[nodiscard]] std::optional<BootState> State() const {
    return OpenBootState(Boot())->Load().state();
  }

  void SetState(const BootState& boot_state) const { OpenBootState(Boot())->Store(boot_state); }

  [[nodiscard]] GateMeans Means() {
    return {.console = console,
            .clock = clock,
            .runtime = runtime.path(),
            .checks = {runtime.path() / "health.d"},
            .open_watchdog = [this](std::chrono::seconds) {
              return health::WatchdogOpening{
                  health::WatchdogState::kOpened, std::make_unique<FakeWatchdog>(watchdog), "fake"};
            }};
  }

  AfterGate Serve() {
    return RunGateService(
        *machine.running, [this] { return machine; }, Means());
  }

  // A required check that ends with this exit code.
  void AddCheck(int exit_code) const {
    const auto directory = runtime.path() / "health.d/required.d";
    std::filesystem::create_directories(directory);
    WriteFileAtomically(
        directory / "web",
        AsBytes("#!/bin/sh\necho no answer\nexit " + std::to_string(exit_code) + "\n"),
        0755);
  }

  // As a state partition that is full.
  void BreakMemory() const {
    for (const auto* name : {"journal", "bad.json", "epoch"}) {
      std::filesystem::remove_all(state.path() / name);
      std::filesystem::create_directory(state.path() / name);
    }
  }

  [[nodiscard]] std::vector<health::JournalEntry> Journal() const {
    return health::Journal(state.path(), clock).Read();
  }

  [[nodiscard]] bool Tells(JournalEvent event) const {
    const auto entries = Journal();
    return std::any_of(
        entries.begin(), entries.end(), [&](const auto& entry) { return entry.event == event; });
  }
};

}  // namespace

TEST_CASE("gate: a trial whose checks are well is committed, and its watchdog stopped", "[gate]") {
  Story story;
  story.AddCheck(0);
  CHECK(story.Serve() == AfterGate::kStay);
  CHECK(story.State() == BootState{.good = SlotId::kB});
  CHECK(WasGood(story.Journal(), SlotId::kB, story.v2.digest()));
  CHECK(memory::EpochFloor(story.state.path()) == 7);
  CHECK(story.watchdog.stopped);
}

TEST_CASE("gate: a trial whose check fails is given up, with the watchdog counting", "[gate]") {
  Story story;
  story.AddCheck(health::kFinalFailure);
  CHECK(story.Serve() == AfterGate::kReboot);
  CHECK(story.State() == BootState{.good = SlotId::kA});
  CHECK(health::FindBadImage(story.state.path(), story.v2.digest()).has_value());
  CHECK(story.watchdog.opened == 1);
  CHECK_FALSE(story.watchdog.stopped);
}

TEST_CASE("gate: a full state partition changes no verdict", "[gate]") {
  Story story;
  story.BreakMemory();
  SECTION("well") {
    CHECK(story.Serve() == AfterGate::kStay);
    CHECK(story.State() == BootState{.good = SlotId::kB});
    CHECK(story.watchdog.stopped);
  }
  SECTION("not well") {
    story.AddCheck(health::kFinalFailure);
    CHECK(story.Serve() == AfterGate::kReboot);
    CHECK(story.State() == BootState{.good = SlotId::kA});
  }
}

TEST_CASE("gate: started again after the commit, it makes up for what was cut off", "[gate]") {
  Story story;
  story.SetState({.good = SlotId::kB});
  CHECK(story.Serve() == AfterGate::kStay);
  CHECK(story.State() == BootState{.good = SlotId::kB});
  CHECK(OpenBootState(story.Boot())->Load().second.state == BootState{.good = SlotId::kB});
  CHECK(WasGood(story.Journal(), SlotId::kB, story.v2.digest()));
  CHECK(memory::EpochFloor(story.state.path()) == 7);
  CHECK(story.watchdog.stopped);
}

TEST_CASE("gate: a committed slot is not rebooted, whatever fails", "[gate]") {
  Story story;
  story.SetState({.good = SlotId::kB});
  // The lock cannot be made.
  std::filesystem::create_directory(story.runtime.path() / "lock");
  CHECK_THROWS_AS(story.Serve(), Error);
}

TEST_CASE("gate: a trial that cannot be judged reboots, and the journal tells why", "[gate]") {
  Story story;
  SECTION("the disk is not found") {
    const auto copied = []() -> Machine { throw Error(ErrorKind::kRefused, "two disks"); };
    CHECK(RunGateService(*story.machine.running, copied, story.Means()) == AfterGate::kReboot);
    story.machine.running->trial.reset();
    CHECK_THROWS_AS(RunGateService(*story.machine.running, copied, story.Means()), Error);
  }
  SECTION("what it asks of a trial is damaged") {
    const auto config = story.Boot().Find("/B/CONFIG");
    config.data.Write(config.length / 2, AsBytes("?"));
    CHECK(story.Serve() == AfterGate::kReboot);
    CHECK(story.Tells(JournalEvent::kGateFailed));
    CHECK(story.State() == BootState{SlotId::kA, Trial{SlotId::kB, 2, true}});
  }
  SECTION("the boot state is lost") {
    for (const auto* path : {"/GRUB/GRUBENV", "/GRUB/GRUBENV2"}) {
      story.Boot().Find(path).data.Write(0, AsBytes(std::string(512, '?')));
    }
    CHECK(story.Serve() == AfterGate::kReboot);
    CHECK(story.State() == BootState{.good = SlotId::kA});
    CHECK_FALSE(story.watchdog.stopped);
  }
}

TEST_CASE("gate: a slot that was chosen by hand is not judged", "[gate]") {
  Story story;
  story.machine.running->trial.reset();
  for (const Trial trial : {Trial{SlotId::kB, 3, false}, Trial{SlotId::kB, 0, true}}) {
    const BootState before{SlotId::kA, trial};
    story.SetState(before);
    CHECK(story.Serve() == AfterGate::kStay);
    CHECK(story.State() == before);
  }
  CHECK(story.watchdog.opened == 0);
}

TEST_CASE("gate: waits for another ros after the verdict, and feeds the watchdog", "[gate]") {
  Story story;
  std::optional<FileLock> other;
  other.emplace(LockMachine(WhenLocked::kThrow, story.runtime.path()));
  // The first feeding is the gate's own, before there is a verdict.
  story.watchdog.on_feed = [&] {
    if (story.watchdog.fed == 3) {
      other.reset();
    }
  };
  CHECK(story.Serve() == AfterGate::kStay);
  CHECK(story.watchdog.fed == 3);
  CHECK(story.State() == BootState{.good = SlotId::kB});
}

TEST_CASE("gate: a trial whose files were lost is remembered as bad", "[gate]") {
  Story story;
  story.machine.running = health::BootArguments{.slot = SlotId::kA, .fell_from = SlotId::kB};
  auto boot = story.Boot();
  EmptySlotFolder(boot, SlotId::kB);
  CHECK(story.Serve() == AfterGate::kStay);
  CHECK(story.State() == BootState{.good = SlotId::kA});
  CHECK(health::FindBadImage(story.state.path(), story.v2.digest())->version == "2");
}

}  // namespace ros::installer
