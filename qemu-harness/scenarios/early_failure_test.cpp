#include <algorithm>
#include <catch2/catch.hpp>
#include <regex>

#include "base/file.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr ros::Bytes kMiB = 1U << 20U;
constexpr ros::Bytes kBackupSuperblock =
    128 * kMiB;  // block 32768, the first of an ext4's second group

// Tiny version 1, with failures that are quick. Its modules must be loaded within the first limit,
// also where nothing accelerates the machine.
DiskImage InstallQuick() {
  DiskImage disk(ros::Bytes{2} << 30U);
  InstallImage("tiny-v1",
               disk.path(),
               {"--slot-size", "256M", "-a", "ros.wait=15 ros.wait-before-reboot=2"});
  return disk;
}

// A good slot waits before it goes round, so that a person can read what it said.
void WaitsAndReboots(Machine& machine) {
  machine.WaitForConsole("ros-init: rebooting in 2 s");
  CHECK(machine.resets() == 0);
  machine.WaitForConsole(Setup().loader->started);
  CHECK(machine.resets() > 0);
  CHECK(machine.watchdog_resets() == 0);
}

// Starts slot a without a boot loader, which would tell the partitions that there are: with this
// state partition. The kernel and the initrd are copied to `directory`.
DirectKernel SlotWithState(const DiskImage& disk,
                           const std::string& state,
                           const std::filesystem::path& directory) {
  for (const char* name : {"KERNEL", "INITRD"}) {
    const std::string content =
        ReadBootFile(disk, FindBootFile(disk, std::string("/A/").append(name)));
    ros::WriteFileAtomically(directory / name, ros::AsBytes(content));
  }
  const std::string entry = ReadBootFile(disk, FindBootFile(disk, "/A/" + Setup().loader->entry));
  std::smatch verity;
  REQUIRE(std::regex_search(entry, verity, std::regex("ros\\.verity=[^']*")));
  return {directory / "KERNEL",
          directory / "INITRD",
          "ros.slot=a ros.fs=erofs ros.watchdog=0 panic=10 console=ttyS0,115200 quiet "
          "no_timer_check ros.wait=15 ros.wait-before-reboot=2 " +
              verity.str() + " ros.boot=" + disk.FindPartition("ROS-BOOT").uuid +
              " ros.root=" + disk.FindPartition("ROS-A").uuid + " ros.state=" + state};
}

// Where the block bitmap of an ext4's first group is (Documentation/filesystems/ext4), in the disk.
ros::Bytes FirstBlockBitmap(const DiskImage& disk, const Partition& partition) {
  const std::string superblock = disk.Read(partition.offset + 1024, 1024);
  const ros::Bytes block = ros::Bytes{1024} << ros::LoadLe32(ros::AsBytes(superblock), 0x18);
  // The group descriptors follow the superblock's block.
  const std::string descriptor =
      disk.Read(partition.offset + std::max<ros::Bytes>(block, 2048), 64);
  return partition.offset + ros::LoadLe32(ros::AsBytes(descriptor), 0) * block;
}

}  // namespace

TEST_CASE("state-partition-does-not-appear", "[qemu]") {
  const DiskImage disk = InstallQuick();
  const ros::TempDirectory directory(RunDirectory(), "direct");
  const std::string uuid = "01234567-89ab-4cde-8f01-23456789abcd";
  MachineOptions options = MachineWith("state-partition-does-not-appear", disk, nullptr);
  options.kernel = SlotWithState(disk, uuid, directory.path());
  Machine machine(options);
  const std::string line = "ros-init: the state partition \\(PARTUUID " + uuid +
                           "\\) did not appear within 15 s; disks seen: .*sda";
  machine.WaitForConsole(line);
  machine.WaitForConsole("ros-init: rebooting in 2 s");
  INFO("it goes round, and says so again");
  machine.WaitForConsole(line);
  CHECK(machine.watchdog_resets() == 0);
}

TEST_CASE("state-file-system-is-repaired", "[qemu]") {
  DiskImage disk = InstallQuick();
  disk.Damage(FirstBlockBitmap(disk, disk.FindPartition("ROS-STATE")), 4096);

  INFO("the kernel meets the damage, e2fsck mends it at the next boot");
  Machine machine(MachineWith("state-file-system-is-repaired", disk, nullptr));
  machine.WaitForConsole("ros-init: the state file system: e2fsck -p .*exit 1");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  const std::vector<ros::Json> repaired = JournalEntries(machine, "repaired");
  REQUIRE(repaired.size() == 1);
  CHECK_THAT(repaired[0].At("reason", "journal").AsString("reason"),
             Catch::Contains("the state file system: e2fsck -p"));
  CHECK(WhyTells(machine, "e2fsck -p"));
  machine.MustRun("echo whole >/var/note; sync; grep whole /var/note");
}

TEST_CASE("state-without-superblock-is-repaired", "[qemu]") {
  DiskImage disk = InstallQuick();
  disk.Damage(disk.FindPartition("ROS-STATE").offset, 4096);
  Machine machine(MachineWith("state-without-superblock-is-repaired", disk, nullptr));
  machine.WaitForConsole("ros-init: the state file system: e2fsck -p -b 32768 .*exit 1");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
}

TEST_CASE("state-file-system-is-beyond-repair", "[qemu]") {
  DiskImage disk = InstallQuick();
  const Partition state = disk.FindPartition("ROS-STATE");
  disk.Damage(state.offset, kMiB);
  disk.Damage(state.offset + kBackupSuperblock, kMiB);

  Machine machine(MachineWith("state-file-system-is-beyond-repair", disk, nullptr));
  machine.WaitForConsole(
      "ros-init: the state file system: /dev/sda5 is damaged and e2fsck -p -b 32768 could not "
      "repair it");
  WaitsAndReboots(machine);
}

TEST_CASE("good-slot-with-damaged-root", "[qemu]") {
  DiskImage disk = InstallQuick();
  const Partition root = disk.FindPartition("ROS-A");
  disk.Damage(root.offset, kMiB);
  {
    Machine machine(MachineWith("good-slot-with-damaged-root-1", disk, nullptr));
    machine.WaitForConsole(
        "ros-init: the root of slot a on /dev/sda3 does not match its signed hash");
    WaitsAndReboots(machine);
  }

  INFO("as it was before, the machine boots and tells");
  disk.Damage(root.offset, kMiB);
  Machine machine(MachineWith("good-slot-with-damaged-root-2", disk, nullptr));
  machine.WaitForShell();
  const std::vector<ros::Json> failures = JournalEntries(machine, "early-failure");
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].At("slot", "journal").AsString("slot") == "a");
  CHECK_THAT(failures[0].At("reason", "journal").AsString("reason"),
             Catch::Contains("does not match its signed hash"));
  CHECK(WhyTells(machine, "does not match its signed hash"));
}
