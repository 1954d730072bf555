#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr const char* kFirstCopy = "/GRUB/GRUBENV";
constexpr const char* kSecondCopy = "/GRUB/GRUBENV2";
constexpr ros::Bytes kSector = 512;

void DamageCopy(DiskImage& disk, const char* copy) {
  disk.Damage(FindBootFile(disk, copy).extents.at(0).offset, kSector);
  REQUIRE(BootVariable(disk, "ros_good", copy).empty());
}

// Both copies say that this slot is good and that there is no trial, by docs/boot-state.md.
void BothCopiesSay(const DiskImage& disk, const std::string& good) {
  for (const char* copy : {kFirstCopy, kSecondCopy}) {
    INFO(copy);
    CHECK(BootVariable(disk, "ros_good", copy) == good);
    CHECK(BootVariable(disk, "ros_trial", copy) == "none");
    CHECK(BootVariable(disk, "ros_check", copy) == good + ",none," +
                                                       BootVariable(disk, "ros_tries", copy) + "," +
                                                       BootVariable(disk, "ros_started", copy));
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
  DamageCopy(story.disk(), kFirstCopy);

  Machine& machine = story.Boot();
  CHECK_THAT(machine.console().text(), Catch::Contains("ros: /grub/grubenv is damaged"));
  CHECK(WhoRuns(machine) == RunningOs{"b", "2"});
  IsRepaired(story);
  story.PowerOff();
  BothCopiesSay(story.disk(), "b");
}

TEST_CASE("boot-state-damaged-in-both-copies", "[qemu]") {
  Story story("boot-state-damaged-in-both-copies", {});
  DamageCopy(story.disk(), kFirstCopy);
  DamageCopy(story.disk(), kSecondCopy);

  Machine& machine = story.Boot();
  CHECK_THAT(machine.console().text(), Catch::Contains("ros: /grub/grubenv2 is damaged too"));
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  IsRepaired(story);
  story.PowerOff();
  BothCopiesSay(story.disk(), "a");
}
