// One installed disk, plugged into one kind of controller after the other.
#include <catch2/catch.hpp>

#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

struct DiskKind {
  DriveInterface interface;
  std::string name;
  std::string state;  // the node of ROS-STATE, the fifth partition
};

}  // namespace

TEST_CASE("one-disk-boots-on-every-controller", "[qemu]") {
  const std::vector<DiskKind> kinds = {
      {DriveInterface::kAhci, "ahci", "/dev/sda5"},
      {DriveInterface::kVirtio, "virtio", "/dev/vda5"},
      {DriveInterface::kVirtioScsi, "virtio-scsi", "/dev/sda5"},
      {DriveInterface::kNvme, "nvme", "/dev/nvme0n1p5"},
      {DriveInterface::kUsb, "usb", "/dev/sda5"},
      {DriveInterface::kSdCard, "sd-card", "/dev/mmcblk0p5"},
  };
  const DiskImage disk(InstalledDisk());
  for (const auto& kind : kinds) {
    INFO(kind.name);
    MachineOptions options = MachineWith("disk-kind-" + kind.name, disk, nullptr);
    options.drives.at(0).interface = kind.interface;
    Machine machine(options);
    machine.WaitForShell("1");
    CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
    CheckFreshStatus(machine);
    CHECK(machine.MustRun("awk '$2 == \"/ros\" {print $1}' /proc/mounts") == kind.state + "\n");
    machine.Start("poweroff -f");
    machine.WaitForPowerOff();
  }
}
