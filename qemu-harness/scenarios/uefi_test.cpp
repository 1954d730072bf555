#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr ros::Bytes kDamage = 1U << 20U;

bool RunsOnUefi(Machine& machine) {
  return machine.Run("test -d /sys/firmware/efi").exit_code == 0;
}

}  // namespace

TEST_CASE("uefi-commits-and-comes-back", "[qemu]") {
  Story story("uefi", {"tiny-panics", "tiny-v2"});
  story.UseFirmware(Firmware::kUefi);
  Machine& machine = story.Boot();
  CHECK(RunsOnUefi(machine));
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});

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
  CHECK(BootVariable(story.disk(), "ros_good") == "b");
  CHECK(CheckBootPartition(story.disk()).empty());

  INFO("a damaged kernel: the other slot, in the same boot");
  const BootFile kernel = FindBootFile(story.disk(), "/B/KERNEL");
  story.disk().Damage(kernel.extents.at(0).offset, kDamage);
  Machine& again = story.Boot();
  CHECK(WhoRuns(again) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(again) == "ba");
  story.PowerOff();

  INFO("the same disk, started by a BIOS");
  story.UseFirmware(Firmware::kBios);
  Machine& bios = story.Boot();
  CHECK_FALSE(RunsOnUefi(bios));
  CHECK(SlotsStarted(bios) == "ba");
}
