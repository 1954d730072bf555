#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::string_view kCloudConfig =
    "#cloud-config\n"
    "hostname: lighthouse\n"
    "write_files:\n"
    "  - path: /etc/keeper\n"
    "    content: |\n"
    "      the light is on\n"
    "runcmd:\n"
    "  - echo once >>/var/runcmd.log\n";

}  // namespace

TEST_CASE("install-on-host-boots", "[qemu]") {
  const ros::TempDirectory directory(RunDirectory(), "install");
  const std::filesystem::path file = directory.path() / "new.img";
  const std::filesystem::path config = directory.path() / "cloud.yml";
  ros::WriteFileAtomically(config, ros::AsBytes(kCloudConfig));
  InstallImage("tiny-v1",
               file,
               {"--size", "2G", "--slot-size", "256M", "-c", config, "-a", "harness.argument=1"});

  const DiskImage installed(file);
  CHECK(CheckBootPartition(installed).empty());
  Story story("install-on-host", {"tiny-v1"}, installed);
  Machine& machine = story.Boot();
  story.WaitForServices();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);
  CHECK_THAT(machine.MustRun("cat /proc/cmdline"), Catch::Contains("harness.argument=1"));
  CHECK(machine.MustRun("hostname") == "lighthouse\n");
  CHECK(machine.MustRun("cat /etc/keeper") == "the light is on\n");
  CHECK(machine.MustRun("cat /var/runcmd.log") == "once\n");

  SECTION("what it was told stays told") {
    story.PowerOff();
    Machine& again = story.Boot();
    story.WaitForServices();
    CHECK(again.MustRun("hostname") == "lighthouse\n");
    CHECK(again.MustRun("cat /var/runcmd.log") == "once\n");
  }
}

TEST_CASE("install-in-live-system-boots", "[qemu]") {
  const DiskImage target(ros::Bytes{2} << 30U);
  const DiskImage files = MakeFileDisk({ImagePath("tiny-v1"), KeyPath("release.pub")});
  {
    MachineOptions options = MachineWith("install-live", target, &files);
    options.kernel = DirectKernel{HarnessDirectory() / "live/kernel",
                                  HarnessDirectory() / "live/initrd",
                                  "console=ttyS0 quiet no_timer_check panic=10"};
    options.memory_mib = 768;
    Machine live(options);
    live.WaitForShell();
    // What udev makes; the tiny OS has none.
    live.MustRun(
        "mkdir -p /dev/disk/by-id; cd /dev/disk/by-id; ln -s ../../sda ata-target; "
        "ln -s ../../sda3 ata-target-part3");
    const std::string install =
        "ros install -i /run/images/tiny-v1.oci --key /run/images/release.pub --slot-size 256M "
        "--no-reboot -d /dev/disk/by-id/ata-target";
    CHECK_THAT(live.MustRun(install + " --plan"),
               Catch::Contains("/dev/disk/by-id/ata-target (/dev/sda), 2 GiB, QEMU HARDDISK"));
    live.MustRun(install, std::chrono::seconds(600));
    INFO("a link to a partition is a partition");
    live.MustRun("blockdev --rereadpt /dev/sda");
    const GuestResult refused = live.Run(install + "-part3 --plan");
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.output,
               Catch::Contains("ata-target-part3 is a partition; name the whole disk: /dev/sda"));
    live.Start("poweroff -f");
    live.WaitForPowerOff();
  }
  CHECK(CheckBootPartition(target).empty());
  Machine machine(MachineWith("install-live-boot", target, nullptr));
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);
}
