#include <catch2/catch.hpp>

#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

// A version that is well, and whose gate waits (longer than any scenario) for somebody to say so.
constexpr const char* kWaiting = "tiny-waits";
constexpr const char* kItsVersion = "12";

// The waiting version runs on trial, and this many tries are left after this one.
void CheckTrial(Machine& machine, int tries_left) {
  CHECK(WhoRuns(machine) == RunningOs{"b", kItsVersion, true});
  const ros::Json status = Ask(machine, "ros status");
  INFO(status.Dump());
  CHECK(status.At("trial", "ros status").At("tries_left", "trial") == ros::Json(tries_left));
  CHECK(Ask(machine, "ros why").At("why", "ros why") == ros::Json("on-trial"));
}

}  // namespace

TEST_CASE("tries-are-used-up-one-by-one", "[qemu]") {
  Story story("tries", {kWaiting});
  Machine& machine = story.BootIntoTrial(kWaiting);
  machine.WaitForShell(kItsVersion);
  CheckTrial(machine, 2);

  INFO("the reset button");
  machine.Reset();
  machine.WaitForShell(kItsVersion);
  CheckTrial(machine, 1);

  INFO("the power cord");
  machine.Kill();
  CHECK(StateOnDisk(story.disk()) == StoredState{"a", "b", 1, true});
  Machine& last = story.Boot();
  CheckTrial(last, 0);

  INFO("a third time: the good slot");
  last.Reset();
  last.WaitForShell("1");
  CHECK(WhoRuns(last) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(last) == "ba");
  story.WaitForServices();
  const ros::Json why = Ask(last, "ros why");
  INFO(why.DumpPretty());
  CHECK(why.At("why", "ros why") == ros::Json("tries-used-up"));
  const std::vector<ros::Json> rolled_back = JournalEntries(last, "rolled-back");
  REQUIRE(rolled_back.size() == 1);
  CHECK(rolled_back[0].At("cause", "journal") == ros::Json("tries-used-up"));
  story.PowerOff();
  CHECK(StateOnDisk(story.disk()) == StoredState{"a"});
}

TEST_CASE("user-reboots-during-a-trial", "[qemu]") {
  Story story("reboots", {kWaiting});
  Machine& machine = story.BootIntoTrial(kWaiting);
  machine.WaitForShell(kItsVersion);
  CheckTrial(machine, 2);

  INFO("it takes a try, as any restart does, and is no verdict");
  machine.RestartBy("reboot");
  machine.WaitForShell(kItsVersion);
  CheckTrial(machine, 1);
  CHECK(JournalEntries(machine, "rolled-back").empty());

  INFO("the trial goes on: what it waits for commits it");
  machine.MustRun("ros health report application ok");
  story.WaitForServices();
  CHECK(Ask(machine, "ros why").At("why", "ros why") == ros::Json("committed"));
  CHECK(SlotsStarted(machine) == "abb");
  story.PowerOff();
  CHECK(StateOnDisk(story.disk()) == StoredState{"b"});
}
