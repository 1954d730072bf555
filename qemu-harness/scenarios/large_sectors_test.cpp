#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

TEST_CASE("sectors-of-4096-bytes", "[qemu]") {
  Story story("sectors", {"tiny-panics", "tiny-v2"}, NewDisk("tiny-v1", {"--sector-size", "4096"}));
  CHECK(CheckBootPartition(story.disk()).empty());
  story.UseDrive(DriveInterface::kNvme, 4096);

  Machine& machine = story.Boot();
  CHECK(machine.MustRun("cat /sys/block/nvme0n1/queue/logical_block_size") == "4096\n");
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);
  const ros::Json status = Ask(machine, "ros status");
  CHECK(status.At("loader", "status").At("bios", "loader") == ros::Json(false));
  CHECK(status.At("loader", "status").At("uefi", "loader") == ros::Json(true));
  story.WaitForServices();
  CHECK_THAT(machine.MustRun("cat /ros/journal"), Catch::Contains("first boot of this copy"));

  INFO("a trial that panics");
  story.Upgrade("tiny-panics", "--tries 1");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "aba");

  INFO("a trial that commits");
  story.Upgrade("tiny-v2");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  story.WaitForServices();
  story.PowerOff();
  CHECK(CheckBootPartition(story.disk()).empty());
  CHECK(WhoRuns(story.Boot()) == RunningOs{"b", "2"});
}
