#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr const char* kEfiFile = "/EFI/BOOT/BOOTX64.EFI";

// UEFI firmware finds the boot loader of this disk, by `ros status`.
bool HasUefiLoader(Machine& machine) {
  const ros::Json status = Ask(machine, "ros status");
  INFO(status.Dump());
  const ros::Json& loader = status.At("loader", "ros status");
  CHECK(loader.At("bios", "loader") == ros::Json(true));
  return loader.At("uefi", "loader").AsBool("uefi");
}

}  // namespace

TEST_CASE("efi-file-is-lost", "[qemu]") {
  Story story("efi-file", {"tiny-v1"});
  DiskImage& disk = story.disk();
  disk.Write(FindBootFile(disk, kEfiFile).size_field, std::string(4, '\0'));

  INFO("the firmware finds nothing to start, and says so");
  {
    Machine lost(MachineWith("efi-file-lost", disk, nullptr));
    lost.WaitForConsole("BdsDxe: failed to load Boot[0-9]+ ");
    CHECK(SlotsStarted(lost).empty());
  }

  INFO("a BIOS starts the same disk as ever, and `ros status` tells what is lost");
  CHECK(StateOnDisk(disk) == StoredState{"a"});
  story.UseFirmware(Firmware::kBios);
  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK_FALSE(HasUefiLoader(machine));

  INFO("the image that runs brings it back");
  story.Upgrade("tiny-v1", "--bootloader");
  CHECK(HasUefiLoader(machine));
  story.PowerOff();
  CHECK(CheckBootPartition(disk).empty());
  story.UseFirmware(Firmware::kUefi);
  CHECK(HasUefiLoader(story.Boot()));
}
