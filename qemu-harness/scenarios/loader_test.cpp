#include <catch2/catch.hpp>
#include <regex>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr ros::Bytes kHalfOfBiosPartition = ros::Bytes{512} << 10U;
constexpr ros::Bytes kInsideOfCore = 70'000;

// What GRUB said of itself when it started last. Firmware may print its screen on the serial port
// too, in the middle of a line.
std::string LoaderThatRuns(Machine& machine) {
  static const std::regex kLine("ros: GRUB ([0-9A-Za-z.+~:_-]+?)(ros:|\\s)");
  const std::string& text = machine.console().text();
  std::string version;
  for (std::sregex_iterator match(text.begin(), text.end(), kLine), end; match != end; ++match) {
    version = (*match)[1].str();
  }
  return version;
}

std::string Plan(Machine& machine, const std::string& arguments) {
  return machine.MustRun("ros upgrade --plan " + arguments + " -i " + InGuest("tiny-new-loader"));
}

// Spoils what was in use before the switch: nothing may read it any more.
void DamageOldLoader(DiskImage& disk) {
  disk.Damage(disk.FindPartition("ROS-BIOS").offset, kHalfOfBiosPartition);
  for (const auto* path : {"/EFI/BOOT/BOOTX64.ALT", "/EFI/BOOT/VERSION.ALT"}) {
    const BootFile file = FindBootFile(disk, path);
    REQUIRE(file.size > 0);
    disk.Damage(file.extents.at(0).offset, file.size);
  }
}

}  // namespace

TEST_CASE("boot-loader-is-upgraded", "[qemu]") {
  Story story("loader", {"tiny-new-loader"});
  Machine& machine = story.Boot();
  story.WaitForServices();
  const std::string old = LoaderThatRuns(machine);
  REQUIRE_FALSE(old.empty());
  const std::string change = "GRUB " + old + " -> " + old + "+new";

  INFO("an image with another boot loader says so, and the plan has it on demand");
  CHECK_THAT(Plan(machine, ""),
             Catch::Contains("the image brings another boot loader (" + change + ")") &&
                 !Catch::Contains("upgrade the boot loader"));
  CHECK_THAT(Plan(machine, "--bootloader"), Catch::Contains("upgrade the boot loader: " + change));

  INFO("the new one starts the trial, and nothing reads the old one");
  story.Upgrade("tiny-new-loader", "--bootloader");
  story.PowerOff();
  CHECK(CheckBootPartition(story.disk()).empty());
  DamageOldLoader(story.disk());
  Machine& after = story.Boot();
  CHECK(WhoRuns(after) == RunningOs{"b", "11", true});
  CHECK(LoaderThatRuns(after) == old + "+new");
  story.WaitForServices();
  CHECK_THAT(after.MustRun("ros status"),
             Catch::Contains("GRUB " + old + "+new, for BIOS and UEFI"));
  CHECK_THAT(Plan(after, "--bootloader"), Catch::Contains("nothing to do"));

  INFO("one that is damaged while the machine runs is mended by the image that brought it");
  const std::string place = std::to_string(story.disk().FindPartition("ROS-BIOS").offset +
                                           kHalfOfBiosPartition + kInsideOfCore);
  after.MustRun("printf damage | dd of=/dev/sda bs=1 seek=" + place + " conv=notrunc,fsync");
  CHECK_THAT(after.MustRun("ros status"), Catch::Contains("GRUB for BIOS machines is damaged"));
  story.Upgrade("tiny-new-loader", "--bootloader");
  CHECK_THAT(after.MustRun("ros status"), !Catch::Contains("damaged"));
  after.RestartBy("reboot -f");
  after.WaitForShell();
  CHECK(WhoRuns(after) == RunningOs{"b", "11"});
  CHECK(LoaderThatRuns(after) == old + "+new");
}
