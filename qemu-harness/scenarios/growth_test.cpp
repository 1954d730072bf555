#include <catch2/catch.hpp>

#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"
#include "qemu-harness/write_log.hpp"

using namespace ros::qemu;      // NOLINT(google-build-using-namespace)
using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.
using ros::Bytes;
using ros::Json;

namespace {

constexpr Bytes kMore = 2_GiB;
constexpr Bytes kSector = 512;

Bytes Number(const std::string& text) {
  return std::stoull(text);
}

// What `df` has for the state, of which a part is the file system's own.
Bytes FileSystemSize(Machine& machine) {
  return Number(machine.MustRun("df -P -k /var | awk 'NR == 2 {print $2}'")) * 1_KiB;
}

Bytes KernelSize(Machine& machine) {
  return Number(machine.MustRun("d=$(awk '$2 == \"/ros\" {print $1}' /proc/mounts); "
                                "cat /sys/class/block/${d#/dev/}/size")) *
         kSector;
}

void Enlarge(const DiskImage& disk, Bytes more) {
  std::filesystem::resize_file(disk.path(), std::filesystem::file_size(disk.path()) + more);
}

// Both headers are there, each names the other, and the backup's is the last sector.
void CheckTable(const DiskImage& disk) {
  const Bytes last = std::filesystem::file_size(disk.path()) / kSector - 1;
  const std::string primary = disk.Read(kSector, kSector);
  const std::string backup = disk.Read(last * kSector, kSector);
  REQUIRE(backup.substr(0, 8) == "EFI PART");
  CHECK(ros::LoadLe64(ros::AsBytes(primary), 32) == last);
  CHECK(ros::LoadLe64(ros::AsBytes(backup), 24) == last);
  CHECK(ros::LoadLe64(ros::AsBytes(backup), 32) == 1);
  CHECK(primary.substr(56, 16) == backup.substr(56, 16));
  const std::string entries =
      disk.Read(ros::LoadLe64(ros::AsBytes(primary), 72) * kSector, 128 * 128);
  CHECK(entries == disk.Read(ros::LoadLe64(ros::AsBytes(backup), 72) * kSector, 128 * 128));
  CHECK(disk.FindPartition("ROS-STATE").offset + disk.FindPartition("ROS-STATE").length ==
        (last + 1) * kSector - 1_MiB);
}

// Everything that a boot which finds a larger disk is to have brought about.
void CheckGrown(Story& story, Bytes state_before) {
  Machine& machine = story.machine();
  const Bytes state = state_before + kMore;
  CHECK(KernelSize(machine) == state);
  CHECK(FileSystemSize(machine) > state - state / 10);
  CHECK(story.disk().FindPartition("ROS-STATE").length == state);
  const Json status = Ask(machine, "ros status");
  INFO(status.DumpPretty());
  CHECK(status.At("running", "status") == Json("a"));
  CheckTable(story.disk());
}

int GrowthNotes(Machine& machine) {
  int notes = 0;
  for (const Json& entry : JournalEntries(machine, "note")) {
    const Json* reason = entry.Find("reason", "note");
    notes += reason != nullptr && reason->AsString("reason").find(
                                      "is larger than what was on it") != std::string::npos
                 ? 1
                 : 0;
  }
  return notes;
}

}  // namespace

TEST_CASE("image-file-on-a-larger-disk-grows", "[qemu]") {
  Story story("growth", {});
  const Bytes state = story.disk().FindPartition("ROS-STATE").length;
  Enlarge(story.disk(), kMore);
  {
    Machine& machine = story.Boot();
    story.WaitForServices();
    CheckGrown(story, state);
    CHECK(GrowthNotes(machine) == 1);
    machine.MustRun(
        "dd if=/dev/urandom of=/var/large bs=1M count=64 2>/dev/null && "
        "sha256sum /var/large > /var/large.sum && sync");
    story.PowerOff();
  }
  INFO("nothing more to do at the next boot");
  {
    Machine& machine = story.Boot();
    story.WaitForServices();
    CheckGrown(story, state);
    CHECK(GrowthNotes(machine) == 1);
    machine.MustRun("sha256sum -c /var/large.sum");
    story.PowerOff();
  }
  INFO("a virtual disk that is enlarged once more");
  Enlarge(story.disk(), kMore);
  Machine& machine = story.Boot();
  story.WaitForServices();
  CheckGrown(story, state + kMore);
  CHECK(GrowthNotes(machine) == 2);
  machine.MustRun("sha256sum -c /var/large.sum");
}

TEST_CASE("power-cut-while-a-disk-grows", "[qemu]") {
  const ros::TempDirectory directory(RunDirectory(), "log");
  const std::filesystem::path log_file = directory.path() / "writes.log";
  ros::WriteFileAtomically(log_file, {});
  // Past its first boot, so that the growth is all there is to do.
  Story before("growth-cut-before", {});
  before.Boot();
  before.WaitForServices();
  before.PowerOff();
  const Bytes state = before.disk().FindPartition("ROS-STATE").length;
  Enlarge(before.disk(), kMore);
  const DiskImage grown(before.disk().path());
  {
    MachineOptions options = MachineWith("growth-cut-logged", grown, nullptr);
    options.drives.at(0).write_log = log_file;
    Machine machine(options);
    machine.WaitForShell();
    machine.MustRun("cat /run/services 2>/dev/null; true", std::chrono::seconds(600));
    machine.Start("poweroff -f");
    machine.WaitForPowerOff();
  }
  CheckTable(grown);

  // From the first write to the table on: every few writes the cord is pulled, and the copy booted.
  const WriteLog log(log_file);
  std::size_t first = log.writes().size();
  for (std::size_t n = log.writes().size(); n > 0; --n) {
    first = log.writes()[n - 1].offset < 1_MiB ? n - 1 : first;
  }
  REQUIRE(first < log.writes().size());
  constexpr std::size_t kBootedCuts = 5;
  const std::size_t every = (log.writes().size() - first) / kBootedCuts + 1;
  DiskImage disk(before.disk().path());
  for (std::size_t n = 0; n < log.writes().size(); ++n) {
    log.Replay(log.writes()[n], disk);
    if (n < first || (n - first) % every != 0) {
      continue;
    }
    INFO("cut after write " << n << " of " << log.writes().size() << ", the table's first is "
                            << first);
    Story story("growth-cut-" + std::to_string(n), {}, disk);
    Machine& machine = story.Boot();
    story.WaitForServices();
    CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
    CheckGrown(story, state);
    machine.MustRun("! dmesg | grep -i 'ext4-fs error'");
    story.PowerOff();
  }
}
