#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>

#include "base/file.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"
#include "qemu-harness/write_log.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

using std::chrono::milliseconds;

constexpr int kRandomCuts = 4;
// Of the many cuts between two writes to the boot partition, so many are booted from.
constexpr std::size_t kBootedCuts = 6;

const std::string kUpgrade = "ros upgrade --no-reboot -i " + InGuest("tiny-v2");

unsigned Seed() {
  const char* given = std::getenv("ROS_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device()();
}

// ./check --full cuts more often.
int RandomCuts() {
  const char* given = std::getenv("ROS_TEST_CUTS");
  return given != nullptr ? std::stoi(given) : kRandomCuts;
}

// How long a whole upgrade takes on this machine right now.
milliseconds MeasureUpgrade() {
  Story story("power-cut-measure", {"tiny-v2"});
  Machine& machine = story.Boot();
  story.WaitForServices();
  const auto start = std::chrono::steady_clock::now();
  machine.MustRun(kUpgrade, std::chrono::seconds(900));
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

// The content of every file of a slot's folder.
std::map<std::string, std::string> SlotFiles(const DiskImage& disk, const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const BootFile& file : ListBootFiles(disk)) {
    if (file.path.rfind(folder, 0) == 0) {
      files[file.path] = ReadBootFile(disk, file);
    }
  }
  return files;
}

}  // namespace

TEST_CASE("power-cut-at-random-moments", "[qemu]") {
  const unsigned seed = Seed();
  INFO("ROS_TEST_SEED=" << seed);
  std::mt19937 random(seed);
  const milliseconds whole = MeasureUpgrade();
  std::uniform_int_distribution<milliseconds::rep> moment(0, whole.count());

  Story story("power-cut", {"tiny-v2"});
  const int cuts = RandomCuts();
  for (int cut = 0; cut < cuts; ++cut) {
    const milliseconds after(moment(random));
    INFO("cut " << cut << " after " << after.count() << " ms");
    Machine& machine = story.Boot();
    REQUIRE(WhoRuns(machine) == RunningOs{"a", "1"});
    story.WaitForServices();
    machine.Start(kUpgrade);
    machine.WaitUntil([] { return false; }, after);
    machine.Kill();
    REQUIRE(CheckBootPartition(story.disk()).empty());
    const StoredState state = StateOnDisk(story.disk());
    REQUIRE(state.good == "a");
    if (state.trial == "b") {
      // It had ended already. What it left is a complete trial; other scenarios boot those.
      Machine& trial = story.Boot();
      REQUIRE(WhoRuns(trial) == RunningOs{"b", "2", true});
      trial.Kill();
      story.Reinstall();
    }
  }

  INFO("the upgrade then works");
  Machine& machine = story.BootIntoTrial("tiny-v2");
  machine.WaitForShell("2");
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  story.WaitForServices();
  story.PowerOff();
  CHECK(StateOnDisk(story.disk()).good == "b");
}

TEST_CASE("power-cut-at-each-boot-partition-write", "[qemu]") {
  const ros::TempDirectory directory(RunDirectory(), "log");
  const std::filesystem::path log_file = directory.path() / "writes.log";
  ros::WriteFileAtomically(log_file, {});
  const DiskImage original(InstalledDisk());
  const DiskImage files = MakeFileDisk({ImagePath("tiny-v2")});
  const DiskImage upgraded(original.path());
  {
    MachineOptions options = MachineWith("power-cut-logged", upgraded, &files);
    options.drives.at(0).write_log = log_file;
    Machine machine(options);
    machine.WaitForShell();
    machine.MustRun("cat /run/services; " + kUpgrade, std::chrono::seconds(900));
    machine.Start("poweroff -f");
    machine.WaitForPowerOff();
  }
  REQUIRE(StateOnDisk(upgraded).trial == "b");
  const auto good_files = SlotFiles(original, "/A/");
  const auto trial_files = SlotFiles(upgraded, "/B/");

  // Every cut: the table is sound and the good slot untouched.
  const WriteLog log(log_file);
  const Partition boot = original.FindPartition("ROS-BOOT");
  const auto on_boot_partition = [&](const LoggedWrite& write) {
    return write.offset >= boot.offset && write.offset < boot.offset + boot.length;
  };
  const auto boot_writes =
      std::count_if(log.writes().begin(), log.writes().end(), on_boot_partition);
  const std::size_t every = static_cast<std::size_t>(boot_writes) / kBootedCuts + 1;
  REQUIRE(boot_writes > 10);
  DiskImage disk(original.path());
  std::vector<DiskImage> to_boot;
  std::size_t number = 0;
  for (const LoggedWrite& write : log.writes()) {
    log.Replay(write, disk);
    if (!on_boot_partition(write)) {
      continue;
    }
    ++number;
    INFO("cut after write " << number << " of " << boot_writes << " to the boot partition, at "
                            << write.offset - boot.offset);
    REQUIRE(CheckBootPartition(disk).empty());
    REQUIRE(SlotFiles(disk, "/A/") == good_files);
    const StoredState state = StateOnDisk(disk);
    REQUIRE(state.good == "a");
    if (number % every == every / 2 && state.trial == "none") {
      to_boot.emplace_back(disk.path());
    }
  }

  // Some of them: upgraded again, all is as if nothing had been.
  REQUIRE(to_boot.size() >= kBootedCuts / 2);
  for (std::size_t n = 0; n < to_boot.size(); ++n) {
    INFO("upgraded again after cut " << n);
    Story story("power-cut-again-" + std::to_string(n), {"tiny-v2"}, to_boot[n]);
    Machine& machine = story.Boot();
    CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
    story.Upgrade("tiny-v2");
    story.PowerOff();
    CHECK(CheckBootPartition(story.disk()).empty());
    CHECK(SlotFiles(story.disk(), "/A/") == good_files);
    CHECK(SlotFiles(story.disk(), "/B/") == trial_files);
  }
}
