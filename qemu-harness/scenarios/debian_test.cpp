#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::chrono::seconds kLong(1800);

MachineOptions DebianMachine(const std::string& name,
                             const DiskImage& disk,
                             const DiskImage& files) {
  MachineOptions options = MachineWith(name, disk, &files);
  // Its kernel is for virtual machines and knows no AHCI.
  options.drives.at(0).interface = DriveInterface::kVirtio;
  options.memory_mib = 1024;
  return options;
}

std::string GateIsOver(Machine& machine) {
  // Waits for the end of the unit; one that has ended runs again, and finds nothing to judge.
  machine.MustRun("systemctl start --wait ros-health-gate.service", kLong);
  return machine.MustRun("ros why");
}

void UpgradeTo(Machine& machine, std::string_view image) {
  machine.MustRun("ros upgrade --no-reboot -i " + InGuest(image), kLong);
  machine.RestartBy("systemctl reboot", kLong);
}

}  // namespace

TEST_CASE("debian-installs-upgrades-and-rolls-back", "[qemu]") {
  DiskImage disk(ros::Bytes{6} << 30U);
  InstallImage("debian-v1", disk.path());
  const DiskImage files = MakeFileDisk(
      {ImagePath("debian-v2"), ImagePath("debian-v3"), ImagePath("debian-check-fails")});

  INFO("install and boot");
  Machine machine(DebianMachine("debian", disk, files));
  machine.WaitForShell("1", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);

  INFO("a to b, committed by the gate that systemd runs");
  GateIsOver(machine);
  UpgradeTo(machine, "debian-v2");
  machine.WaitForShell("2", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  CHECK_THAT(GateIsOver(machine), Catch::Contains("commit"));

  INFO("b to a");
  UpgradeTo(machine, "debian-v3");
  machine.WaitForShell("3", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"a", "3", true});
  CHECK_THAT(GateIsOver(machine), Catch::Contains("commit"));

  INFO("a required check fails: back on a");
  UpgradeTo(machine, "debian-check-fails");
  machine.WaitForShell("3", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"a", "3"});
  CHECK_THAT(machine.MustRun("ros why"), Catch::Contains("database"));
}
