#include <catch2/catch.hpp>
#include <set>

#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr const char* kMark = "/ros/first-boot";

std::set<std::string> Uuids(const DiskImage& disk) {
  std::set<std::string> uuids;
  for (const Partition& partition : disk.Partitions()) {
    uuids.insert(partition.uuid);
  }
  return uuids;
}

std::string ToldByLoader(Machine& machine, const std::string& argument) {
  return machine.MustRun("tr ' ' '\\n' < /proc/cmdline | sed -n 's/^" + argument + "=//p'");
}

void WaitForGate(Machine& machine) {
  machine.MustRun("cat /run/services 2>/dev/null; true", std::chrono::seconds(600));
}

// Boots a copy alone until it has UUIDs of its own, and leaves a name on it.
void BootFirst(const std::string& name, const DiskImage& copy) {
  const std::set<std::string> before = Uuids(copy);
  Machine machine(MachineWith("first-boot-" + name, copy, nullptr));
  machine.WaitForShell();
  WaitForGate(machine);
  CHECK(machine.MustRun("ls " + std::string(kMark) + " 2>&1; true").find("No such file") !=
        std::string::npos);
  CHECK(machine.MustRun("cat /ros/journal").find("first boot of this copy") != std::string::npos);
  // The kernel was told the old ones, and `ros` still finds its disk.
  CHECK(before.count(ToldByLoader(machine, "ros.state").substr(0, 36)) == 1);
  CHECK(machine.MustRun("ros status").find("good") != std::string::npos);
  machine.MustRun("echo " + name + " > /var/name-of-copy && sync");
  machine.Start("poweroff -f");
  machine.WaitForPowerOff();
  const std::set<std::string> after = Uuids(copy);
  CHECK(after.size() == before.size());
  for (const std::string& uuid : before) {
    CHECK(after.count(uuid) == 0);
  }
}

// Boots the first of two disks in one machine, which must run from itself.
void BootTogether(const std::string& name, const DiskImage& first, const DiskImage& second) {
  MachineOptions options = MachineWith("first-boot-together-" + name, first, nullptr);
  options.drives.push_back({second.path()});
  Machine machine(options);
  machine.WaitForShell();
  WaitForGate(machine);
  CHECK(machine.MustRun("cat /var/name-of-copy") == name + "\n");
  CHECK(ToldByLoader(machine, "ros.state") == first.FindPartition("ROS-STATE").uuid + "\n");
  CHECK(ToldByLoader(machine, "ros.root") == first.FindPartition("ROS-A").uuid + "\n");
  // Which of the two the kernel calls sda is by chance.
  const std::string disk =
      machine.MustRun("awk '$2 == \"/ros\" {sub(/[0-9]+$/, \"\", $1); print $1}' /proc/mounts");
  CHECK(disk.substr(0, 7) == "/dev/sd");
  CHECK(machine.MustRun("ros status").find(disk) != std::string::npos);
  machine.Start("poweroff -f");
  machine.WaitForPowerOff();
}

}  // namespace

TEST_CASE("copies-of-an-image-file-run-in-one-machine", "[qemu]") {
  const DiskImage one(InstalledDisk());
  const DiskImage two(InstalledDisk());
  REQUIRE(Uuids(one) == Uuids(two));
  BootFirst("one", one);
  BootFirst("two", two);
  BootTogether("one", one, two);
  BootTogether("two", two, one);
}
