#include <catch2/catch.hpp>
#include <functional>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr ros::Bytes kKernelHeader = 1024;  // boot sector and setup header of a bzImage
constexpr ros::Bytes kMiB = 1U << 20U;

// Makes a boot file's directory entry say that it is empty, without touching anything else.
void EmptyBootFile(DiskImage& disk, const std::string& path) {
  const BootFile file = FindBootFile(disk, path);
  disk.Write(file.size_field, std::string(4, '\0'));
}

void DamageBootFile(DiskImage& disk, const std::string& path, ros::Bytes from, ros::Bytes length) {
  const BootFile file = FindBootFile(disk, path);
  disk.Damage(file.extents.at(0).offset + from, length);
}

// Upgrades to version 2, damages it while the machine is off, and sees version 1 come up again.
void FallsBack(const std::string& name,
               const std::string& upgrade_arguments,
               const std::function<void(DiskImage&)>& damage) {
  Story story(name, {"tiny-v2"});
  story.Boot();
  story.Upgrade("tiny-v2", upgrade_arguments);
  story.PowerOff();
  REQUIRE(BootVariable(story.disk(), "ros_trial") == "b");
  damage(story.disk());

  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  const std::string why = machine.MustRun("ros why");
  INFO(why);
  CHECK_THAT(why, Catch::Contains("2"));

  INFO("the next upgrade works");
  story.Upgrade("tiny-v2", "--retry");
  machine.Start("reboot -f");
  machine.WaitForShell("2");
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
}

// The loader itself finds these, and starts the good slot in the same boot.
void LoaderFallsBack(const std::string& name, const std::function<void(DiskImage&)>& damage) {
  FallsBack(name, "", damage);
}

}  // namespace

TEST_CASE("damaged-root-start", "[qemu]") {
  FallsBack("damaged-root-start", "--tries 1", [](DiskImage& disk) {
    disk.Damage(disk.FindPartition("ROS-B").offset, kMiB);
  });
}

TEST_CASE("damaged-root-all-over", "[qemu]") {
  FallsBack("damaged-root-all-over", "--tries 1", [](DiskImage& disk) {
    // All but the superblock, so that it mounts.
    Partition root = disk.FindPartition("ROS-B");
    root.offset += kMiB / 16;
    root.length -= kMiB / 16;
    disk.DamageAllOver(root);
  });
}

TEST_CASE("damaged-kernel-header", "[qemu]") {
  LoaderFallsBack("damaged-kernel-header",
                  [](DiskImage& disk) { DamageBootFile(disk, "/B/KERNEL", 0, kKernelHeader); });
}

TEST_CASE("damaged-kernel-body", "[qemu]") {
  LoaderFallsBack("damaged-kernel-body",
                  [](DiskImage& disk) { DamageBootFile(disk, "/B/KERNEL", kMiB, 4096); });
}

TEST_CASE("missing-kernel", "[qemu]") {
  LoaderFallsBack("missing-kernel", [](DiskImage& disk) { EmptyBootFile(disk, "/B/KERNEL"); });
}

TEST_CASE("damaged-initrd", "[qemu]") {
  LoaderFallsBack("damaged-initrd",
                  [](DiskImage& disk) { DamageBootFile(disk, "/B/INITRD", 4096, 4096); });
}

TEST_CASE("missing-initrd", "[qemu]") {
  LoaderFallsBack("missing-initrd", [](DiskImage& disk) { EmptyBootFile(disk, "/B/INITRD"); });
}
