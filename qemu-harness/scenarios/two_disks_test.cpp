#include <catch2/catch.hpp>

#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

DiskImage InstallAnother() {
  DiskImage disk(ros::Bytes{2} << 30U);
  InstallImage("tiny-v2", disk.path(), {"--slot-size", "256M"});
  return disk;
}

MachineOptions TwoDisks(const std::string& name, const DiskImage& first, const DiskImage& second) {
  MachineOptions options = MachineWith(name, first, nullptr);
  options.drives.push_back({second.path()});
  return options;
}

// Which disk the state partition that is in use lies on: "sda" or "sdb".
std::string StateDisk(Machine& machine) {
  return machine.MustRun("awk '$2 == \"/ros\" {print substr($1, 6, 3)}' /proc/mounts");
}

}  // namespace

TEST_CASE("two-disks-boot-themselves", "[qemu]") {
  const DiskImage one(InstalledDisk());
  const DiskImage two = InstallAnother();
  Machine first(TwoDisks("two-disks-first", one, two));
  first.WaitForShell();
  CHECK(WhoRuns(first) == RunningOs{"a", "1"});
  CHECK(StateDisk(first) == "sda\n");
  first.Start("poweroff -f");
  first.WaitForPowerOff();

  Machine second(TwoDisks("two-disks-second", two, one));
  second.WaitForShell();
  CHECK(WhoRuns(second) == RunningOs{"a", "2"});
  CHECK(StateDisk(second) == "sda\n");
}

TEST_CASE("copied-disk-is-named-not-guessed", "[qemu]") {
  // `dd` of a disk: every identifier is there twice.
  const DiskImage original(InstalledDisk());
  const DiskImage copy(original.path());
  Machine machine(TwoDisks("copied-disk", original, copy));
  const std::vector<std::string> said = machine.WaitForConsole("ros-init:.*(sda|sdb).*(sda|sdb)");
  INFO(said.at(0));
  CHECK(said.at(1) != said.at(2));
  // Never a hang: it goes round, and says so again.
  machine.console().Skip();
  machine.WaitForConsole(Setup().loader->started);
}
