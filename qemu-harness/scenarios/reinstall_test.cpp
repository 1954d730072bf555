#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)
using ros::Json;

namespace {

std::string StateBytes(const DiskImage& disk) {
  const Partition state = disk.FindPartition("ROS-STATE");
  return disk.Read(state.offset, state.length);
}

}  // namespace

TEST_CASE("reinstall-keeps-the-state", "[qemu]") {
  // Version 2 runs in slot b, and its /etc is another than that of slot a.
  Story story("reinstall", {"tiny-v2"});
  {
    Machine& machine = story.BootIntoTrial("tiny-v2", "--append harness.argument=1");
    machine.WaitForShell("2");
    story.WaitForServices();
    machine.MustRun(
        "echo b > /etc/written-in && echo kept > /var/kept && "
        "echo 'ann:x:1234:1234::/home/ann:/bin/sh' >> /etc/passwd && sync");
    story.PowerOff();
  }
  const Partition before = story.disk().FindPartition("ROS-STATE");
  const std::string bytes = StateBytes(story.disk());
  InstallImage("tiny-v3", story.disk().path(), {"--keep-state", "--force", "--boot-size", "384M"});
  const Partition after = story.disk().FindPartition("ROS-STATE");
  CHECK(after.offset == before.offset);
  CHECK(after.length == before.length);
  CHECK(after.uuid == before.uuid);
  CHECK((StateBytes(story.disk()) == bytes));
  CHECK(story.disk().FindPartition("ROS-BOOT").length == ros::Bytes{384} << 20U);
  CHECK(CheckBootPartition(story.disk()).empty());
  {
    Machine& machine = story.Boot();
    story.WaitForServices();
    CHECK(WhoRuns(machine) == RunningOs{"a", "3"});
    CHECK(machine.MustRun("cat /etc/written-in /var/kept") == "b\nkept\n");
    CHECK_THAT(machine.MustRun("cat /etc/passwd"), Catch::Contains("ann:x:1234"));
    CHECK_THAT(machine.MustRun("cat /proc/cmdline"), Catch::Contains("harness.argument=1"));
    const auto installed = JournalEntries(machine, "installed");
    REQUIRE(installed.size() == 2);
    CHECK(installed[1].At("version", "journal") == Json("3"));
    CHECK(JournalEntries(machine, "committed").size() == 1);
    const Json status = Ask(machine, "ros status");
    INFO(status.DumpPretty());
    CHECK(status.At("good", "status") == Json("a"));
    CHECK(status.At("slots", "status").AsArray("slots")[1].At("state", "slots") == Json("empty"));
    machine.MustRun("echo a > /etc/written-in && sync");
    story.PowerOff();
  }
  INFO("later boots take nothing over any more, and upgrades work");
  Machine& machine = story.BootIntoTrial("tiny-v2");
  machine.WaitForShell("2");
  story.WaitForServices();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  CHECK(machine.MustRun("cat /etc/written-in /var/kept") == "a\nkept\n");
  CHECK(JournalEntries(machine, "installed").size() == 2);
}
