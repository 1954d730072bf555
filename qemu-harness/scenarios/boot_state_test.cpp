#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

void DamageCopy(DiskImage& disk, StateCopy copy) {
  Setup().loader->damage_state(disk, copy);
  REQUIRE_FALSE(Setup().loader->read_state(disk, copy).has_value());
}

// Both copies say that this slot is good and that there is no trial.
void BothCopiesSay(const DiskImage& disk, const std::string& good) {
  for (const StateCopy copy : {StateCopy::kFirst, StateCopy::kSecond}) {
    INFO((copy == StateCopy::kFirst ? "first copy" : "second copy"));
    CHECK(Setup().loader->read_state(disk, copy) == StoredState{good});
  }
}

// The services of this boot have put the boot state in order, and the journal tells it once.
void IsRepaired(Story& story) {
  story.WaitForServices();
  Machine& machine = story.machine();
  const std::vector<ros::Json> repaired = JournalEntries(machine, "repaired");
  REQUIRE(repaired.size() == 1);
  CHECK_THAT(repaired[0].At("reason", "journal").AsString("reason"),
             Catch::Contains("the boot state was damaged"));
  const ros::Json status = Ask(machine, "ros status");
  INFO(status.Dump());
  CHECK(status.At("boot_state_sound", "ros status").AsBool("boot_state_sound"));
}

}  // namespace

TEST_CASE("damaged-boot-state", "[qemu]") {
  // Slot b is good: who had no state at all would start a.
  Story story("damaged-boot-state", {"tiny-v2"});
  story.BootIntoTrial("tiny-v2").WaitForShell("2");
  story.WaitForServices();
  story.PowerOff();
  BothCopiesSay(story.disk(), "b");
  DamageCopy(story.disk(), StateCopy::kFirst);

  Machine& machine = story.Boot();
  CHECK_THAT(machine.console().text(), Catch::Contains(Setup().loader->first_is_damaged));
  CHECK(WhoRuns(machine) == RunningOs{"b", "2"});
  IsRepaired(story);
  story.PowerOff();
  BothCopiesSay(story.disk(), "b");
}

TEST_CASE("boot-state-damaged-in-both-copies", "[qemu]") {
  Story story("boot-state-damaged-in-both-copies", {});
  DamageCopy(story.disk(), StateCopy::kFirst);
  DamageCopy(story.disk(), StateCopy::kSecond);

  Machine& machine = story.Boot();
  CHECK_THAT(machine.console().text(), Catch::Contains(Setup().loader->both_are_damaged));
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  IsRepaired(story);
  story.PowerOff();
  BothCopiesSay(story.disk(), "a");
}

// syslinux keeps the trial in two copies at the end of its loader.
TEST_CASE("damaged-boot-once", "[qemu]") {
  constexpr ros::Bytes kAdvSize = 512;
  Story story("damaged-boot-once", {"tiny-v2"});
  const auto arm_and_damage = [&](ros::Bytes copies) {
    story.Boot();
    story.Upgrade("tiny-v2", "--retry");
    story.PowerOff();
    REQUIRE(StateOnDisk(story.disk()).trial == "b");
    const BootFile loader = FindBootFile(story.disk(), "/SYSLINUX/LDLINUX.SYS");
    REQUIRE(loader.extents.size() == 1);
    const ros::Bytes end = loader.extents.at(0).offset + loader.size;
    story.disk().Damage(end - 2 * kAdvSize, copies * kAdvSize);
  };
  const auto starts = [&](const RunningOs& os, const std::string& good) {
    Machine& machine = story.Boot();
    CHECK(WhoRuns(machine) == os);
    story.WaitForServices();
    const ros::Json status = Ask(machine, "ros status");
    INFO(status.Dump());
    CHECK(status.At("boot_state_sound", "ros status").AsBool("boot_state_sound"));
    story.PowerOff();
    BothCopiesSay(story.disk(), good);
  };

  INFO("both: there is no trial any more, and the good slot puts the state in order");
  arm_and_damage(2);
  starts({"a", "1"}, "a");

  INFO("one: the other one starts the trial");
  arm_and_damage(1);
  starts({"b", "2", true}, "b");
}
