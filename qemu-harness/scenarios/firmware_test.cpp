#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

Firmware OtherFirmware() {
  return Setup().firmware == Firmware::kBios ? Firmware::kUefi : Firmware::kBios;
}

Firmware FirmwareOf(Machine& machine) {
  return machine.Run("test -d /sys/firmware/efi").exit_code == 0 ? Firmware::kUefi
                                                                 : Firmware::kBios;
}

// `ros status` tells the firmware that runs, and that the disk boots on both.
void CheckStatus(Machine& machine, Firmware firmware) {
  const ros::Json status = Ask(machine, "ros status");
  INFO(status.DumpPretty());
  const ros::Json& loader = status.At("loader", "status");
  CHECK(loader.At("name", "loader") == ros::Json("GRUB"));
  CHECK(loader.At("bios", "loader") == ros::Json(true));
  CHECK(loader.At("uefi", "loader") == ros::Json(true));
  CHECK(loader.At("damage", "loader").Dump() == "[]");
  CHECK(status.At("firmware", "status").Dump() == (firmware == Firmware::kBios
                                                       ? R"({"kind":"bios"})"
                                                       : R"({"kind":"uefi","secure_boot":"off"})"));
}

}  // namespace

TEST_CASE("disk-moves-to-the-other-firmware", "[qemu]") {
  Story story("firmware", {"tiny-v2", "tiny-v3"});
  Machine& machine = story.Boot();
  CHECK(FirmwareOf(machine) == Setup().firmware);
  CheckStatus(machine, Setup().firmware);
  story.Upgrade("tiny-v2");
  story.PowerOff();

  INFO("a trial that was prepared on one is counted and committed on the other");
  story.UseFirmware(OtherFirmware());
  Machine& other = story.Boot();
  CHECK(FirmwareOf(other) == OtherFirmware());
  CheckStatus(other, OtherFirmware());
  CHECK(WhoRuns(other) == RunningOs{"b", "2", true});
  story.WaitForServices();
  story.Upgrade("tiny-v3");
  story.PowerOff();
  CHECK(CheckBootPartition(story.disk()).empty());

  INFO("and back");
  story.UseFirmware(Setup().firmware);
  Machine& back = story.Boot();
  CHECK(FirmwareOf(back) == Setup().firmware);
  CHECK(WhoRuns(back) == RunningOs{"a", "3", true});
  story.WaitForServices();
  story.PowerOff();
  CHECK(StateOnDisk(story.disk()) == StoredState{"a"});
}
