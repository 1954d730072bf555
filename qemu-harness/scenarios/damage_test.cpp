#include <catch2/catch.hpp>
#include <functional>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr ros::Bytes kKernelHeader = 1024;  // boot sector and setup header of a bzImage
constexpr ros::Bytes kMiB = 1U << 20U;
constexpr int kRefused = 3;

// Makes a boot file's directory entry say that it is empty, without touching anything else.
void EmptyBootFile(DiskImage& disk, const std::string& path) {
  const BootFile file = FindBootFile(disk, path);
  disk.Write(file.size_field, std::string(4, '\0'));
}

void DamageBootFile(DiskImage& disk, const std::string& path, ros::Bytes from, ros::Bytes length) {
  const BootFile file = FindBootFile(disk, path);
  disk.Damage(file.extents.at(0).offset + from, length);
}

// What the machine remembers of the trial.
void CheckJournal(Machine& machine, const std::string& cause) {
  const std::vector<ros::Json> rolled_back = JournalEntries(machine, "rolled-back");
  REQUIRE(rolled_back.size() == 1);
  const ros::Json& entry = rolled_back[0];
  INFO(entry.Dump());
  CHECK(entry.At("slot", "journal").AsString("slot") == "b");
  CHECK(entry.At("cause", "journal").AsString("cause") == cause);
  // Else the image could not be told again and would be taken a second time.
  CHECK(entry.Find("digest", "journal") != nullptr);
}

// What failed is refused without --retry, and welcome with it.
void TriesAgain(Story& story) {
  Machine& machine = story.machine();
  const GuestResult refused = machine.Run("ros upgrade --no-reboot -i " + InGuest("tiny-v2"));
  INFO(refused.output);
  REQUIRE(refused.exit_code == kRefused);
  CHECK_THAT(refused.output, Catch::Contains("--retry"));
  story.Upgrade("tiny-v2", "--retry");
  machine.RestartBy("reboot -f");
  machine.WaitForShell("2");
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
}

using Damage = std::function<void(DiskImage&)>;

// Upgrades to version 2, damages it while the machine is off, and sees version 1 come up after one
// look at version 2.
Machine& FallsBack(Story& story, const std::string& upgrade_arguments, const Damage& damage) {
  story.Boot();
  story.Upgrade("tiny-v2", upgrade_arguments);
  story.PowerOff();
  REQUIRE(StateOnDisk(story.disk()).trial == "b");
  damage(story.disk());

  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "ba");
  CHECK(machine.watchdog_resets() == 0);
  return machine;
}

void TellsWhy(Story& story, const std::string& cause) {
  story.WaitForServices();
  const ros::Json why = Ask(story.machine(), "ros why");
  INFO(why.Dump());
  CHECK(why.At("why", "ros why").AsString("why") == cause);
  CheckJournal(story.machine(), cause);
}

// The loader itself finds these, and starts the good slot in the same boot, whatever tries are
// left.
void LoaderFallsBack(const std::string& name, const Damage& damage) {
  Story story(name, {"tiny-v2"});
  CHECK(FallsBack(story, "", damage).resets() == 0);
  TellsWhy(story, "loader-fell-back");
  TriesAgain(story);
}

// The kernel of the trial meets these, and restarts the machine.
void ResetFallsBack(const std::string& name, const Damage& damage) {
  Story story(name, {"tiny-v2"});
  CHECK(FallsBack(story, "--tries 1", damage).resets() > 0);
  TellsWhy(story, "tries-used-up");
  TriesAgain(story);
}

}  // namespace

TEST_CASE("damaged-root-start", "[qemu]") {
  ResetFallsBack("damaged-root-start",
                 [](DiskImage& disk) { disk.Damage(disk.FindPartition("ROS-B").offset, kMiB); });
}

TEST_CASE("damaged-root-all-over", "[qemu]") {
  ResetFallsBack("damaged-root-all-over", [](DiskImage& disk) {
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
  // A loader that checks nothing starts the kernel, which restarts the machine.
  const auto falls_back = Setup().loader->checks_digests ? LoaderFallsBack : ResetFallsBack;
  falls_back("damaged-initrd",
             [](DiskImage& disk) { DamageBootFile(disk, "/B/INITRD", 4096, 4096); });
}

TEST_CASE("missing-initrd", "[qemu]") {
  LoaderFallsBack("missing-initrd", [](DiskImage& disk) { EmptyBootFile(disk, "/B/INITRD"); });
}

TEST_CASE("good-slot-whose-entry-names-no-initrd", "[qemu]") {
  Story story("misnamed", {"tiny-v2"});
  story.BootIntoTrial("tiny-v2").WaitForShell("2");
  story.WaitForServices();
  story.PowerOff();
  REQUIRE(StateOnDisk(story.disk()) == StoredState{"b"});
  // SUMS agrees, so that the loader finds it out after it has loaded the kernel.
  ReplaceInEntry(story.disk(), "/B", "/initrd;", "/nobody;");

  INFO("a kernel that loads and an initrd that does not: the other slot, in the same boot");
  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "ba");
  CHECK(machine.resets() == 0);
}
