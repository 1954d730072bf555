#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr ros::Bytes kMiB = ros::Bytes{1} << 20U;

void CheckSecure(Machine& machine) {
  const ros::Json status = Ask(machine, "ros status");
  CHECK(status.At("firmware", "status").Dump() == R"({"kind":"uefi","secure_boot":"on"})");
  const ros::Json& loader = status.At("loader", "status");
  CHECK(loader.At("secure_boot", "loader") == ros::Json(true));
  CHECK(loader.At("damage", "loader").Dump() == "[]");
  // The kernel's own word.
  CHECK_THAT(machine.MustRun("dmesg"), Catch::Contains("secureboot: Secure boot enabled"));
}

}  // namespace

TEST_CASE("secure-boot-commits-and-comes-back", "[qemu]") {
  Story story("secure", {"tiny-panics", "tiny-v2"}, NewDisk("tiny-signed"));
  story.UseFirmware(Firmware::kSecureUefi);
  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);
  CheckSecure(machine);

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
  CheckSecure(machine);
  story.PowerOff();
  CHECK(CheckBootPartition(story.disk()).empty());
  CHECK(StateOnDisk(story.disk()) == StoredState{"b"});
}

TEST_CASE("secure-boot-takes-no-unsigned-kernel", "[qemu]") {
  Story story("unsigned", {"tiny-v2"}, NewDisk("tiny-signed"));
  story.UseFirmware(Firmware::kSecureUefi);
  story.Boot();
  story.Upgrade("tiny-v2");
  story.PowerOff();
  // One byte in the middle, which no signature covers any more.
  const BootFile kernel = FindBootFile(story.disk(), "/B/KERNEL");
  story.disk().Damage(kernel.extents.at(0).offset + 4 * kMiB, 1);

  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "ba");
  CHECK(machine.resets() == 0);
  CheckSecure(machine);
  story.WaitForServices();
  CHECK(Ask(machine, "ros why").At("why", "why").AsString("why") == "loader-fell-back");
}
