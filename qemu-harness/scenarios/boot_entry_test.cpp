#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr const char* kInstall =
    "ros install -d /dev/nvme0n1 -i /run/images/tiny-v1.oci --key /run/images/release.pub "
    "--slot-size 256M --no-reboot --force ";

// The firmware's entries, and in which order it tries them.
std::string Entries(Machine& machine) {
  return machine.MustRun(
      "cd /sys/firmware/efi/efivars && ls -d Boot0* | cut -c1-8 && hexdump -C BootOrder-*");
}

}  // namespace

TEST_CASE("live-installation-tells-the-firmware", "[qemu]") {
  const DiskImage target(ros::Bytes{2} << 30U);
  const DiskImage files = MakeFileDisk({ImagePath("tiny-v1"), KeyPath("release.pub")});
  const DiskImage variables(FreshVariables(Firmware::kUefi));
  MachineOptions options = MachineWith("live", target, &files);
  options.drives.at(0).interface = DriveInterface::kNvme;
  options.drives.at(0).sector_size = 4096;
  options.variables = variables.path();
  options.boot_order = BootOrder::kFirmware;
  {
    MachineOptions live_options = options;
    live_options.kernel = DirectKernel{HarnessDirectory() / "live/kernel",
                                       HarnessDirectory() / "live/initrd",
                                       "console=ttyS0 quiet no_timer_check panic=10"};
    live_options.memory_mib = 768;
    Machine live(live_options);
    live.WaitForShell();
    const std::string before = Entries(live);
    const std::string plan = live.MustRun(std::string(kInstall) + "--plan");
    CHECK_THAT(plan, Catch::Contains("on UEFI machines only (sectors of 4096 bytes)"));
    CHECK_THAT(plan, Catch::Contains("make the firmware's boot entry Boot00"));
    live.MustRun(kInstall, std::chrono::seconds(600));
    const std::string after = Entries(live);
    CHECK(after != before);

    INFO("a second installation onto the disk: new UUIDs, and no second entry");
    CHECK_THAT(live.MustRun(std::string(kInstall) + "--plan"),
               Catch::Contains("renew the firmware's boot entry Boot00"));
    live.MustRun(kInstall, std::chrono::seconds(600));
    CHECK(Entries(live) == after);
    live.Start("poweroff -f");
    live.WaitForPowerOff();
  }
  CHECK(CheckBootPartition(target).empty());
  options.name = MachineWith("installed", target, nullptr).name;
  Machine machine(options);
  machine.WaitForConsole(
      "starting Boot[0-9A-F]{4} \"tiny\" from HD\\(2,GPT,[^)]*\\)/\\\\EFI\\\\ROS\\\\BOOTX64.EFI");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);
}
