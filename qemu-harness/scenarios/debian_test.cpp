#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/registry_server.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::chrono::seconds kLong(1800);
// What a kernel that differs by one letter takes, and a root that has it too.
constexpr ros::Bytes kFewBytes = 100'000;

MachineOptions DebianMachine(const std::string& name,
                             const DiskImage& disk,
                             const DiskImage& files) {
  MachineOptions options = MachineWith(name, disk, &files);
  // Its kernel is for virtual machines and knows no AHCI.
  options.drives.at(0).interface = DriveInterface::kVirtio;
  options.memory_mib = 1024;
  options.network = true;
  return options;
}

std::string GateIsOver(Machine& machine) {
  // Waits for the end of the unit; one that has ended runs again, and finds nothing to judge.
  machine.MustRun("systemctl start --wait ros-health-gate.service", kLong);
  return machine.MustRun("ros why");
}

// How a machine is told where an image is.
std::string FromFile(std::string_view image) {
  return "ros upgrade --no-reboot -i " + InGuest(image);
}

std::string FromRegistry(const RegistryServer& registry, const std::string& reference) {
  return "ros upgrade --no-reboot --plain-http -i 10.0.2.2:" + std::to_string(registry.port()) +
         "/" + reference;
}

// With no more memory than that, the page cache of what it reads among it.
std::string InMemory(const std::string& limit, const std::string& command) {
  return "systemd-run --quiet --pipe --wait -p MemoryMax=" + limit + " -p MemorySwapMax=0 " +
         command;
}

std::string FromPipe(std::string_view image) {
  return "cat " + InGuest(image) + " | " + InMemory("48M", "ros upgrade --no-reboot -i -");
}

// From now on each boot has a file system that takes longer than any watchdog: it is there once the
// gate that feeds that has started.
void MountSlowly(Machine& machine) {
  machine.MustRun(
      "printf '%s\\n' '[Unit]' DefaultDependencies=no Before=local-fs.target '[Service]' "
      "Type=oneshot TimeoutStartSec=infinity 'ExecStart=sh -c \"until [ $$(systemctl show -P "
      "ExecMainStartTimestampMonotonic ros-health-gate) != 0 ]; do sleep 1; done\"' '[Install]' "
      "RequiredBy=local-fs.target >/etc/systemd/system/slow-volume.service && "
      "systemctl enable slow-volume");
}

void Upgrade(Machine& machine, std::string_view command) {
  machine.MustRun(command, kLong);
  machine.RestartBy("systemctl reboot", kLong);
}

// Whether a slot's kernel says the version of the image debian-v3 to boot loaders.
bool HasNewKernel(const DiskImage& disk, const std::string& slot) {
  const std::string kernel = ReadBootFile(disk, FindBootFile(disk, "/" + slot + "/KERNEL"));
  return kernel.find("#2 SMP") != std::string::npos;
}

}  // namespace

TEST_CASE("debian-installs-upgrades-and-rolls-back", "[qemu]") {
  DiskImage disk(ros::Bytes{6} << 30U);
  InstallImage("debian-v1", disk.path());
  const DiskImage files = MakeFileDisk({ImagePath("debian-v2"), ImagePath("debian-check-fails")});
  const RegistryServer registry(Cell() + "/registry");
  registry.Push("debian-v3", "os:3");

  INFO("install and boot");
  Machine machine(DebianMachine("debian", disk, files));
  machine.WaitForShell("1", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);

  INFO(
      "a to b from a pipe in 48 MiB, committed by the gate that systemd runs, with a slow file "
      "system");
  GateIsOver(machine);
  MountSlowly(machine);
  Upgrade(machine, FromPipe("debian-v2"));
  machine.WaitForShell("2", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  machine.MustRun("test $(systemctl show -P ExecMainExitTimestampMonotonic slow-volume) != 0");
  CHECK_THAT(GateIsOver(machine), Catch::Contains("commit"));

  INFO("b to a from a registry, by deltas of the root and of the kernel, in 48 MiB");
  const std::string command = FromRegistry(registry, "os:3");
  machine.MustRun("/lib/systemd/systemd-networkd-wait-online --any --timeout=0", kLong);
  const ros::Json plan = Ask(machine, command + " --plan");
  const ros::Json& transfer = plan.At("transfer", "plan");
  INFO(transfer.DumpPretty());
  const auto& patched = transfer.At("patched_files", "transfer").AsArray("patched_files");
  REQUIRE(patched.size() == 1);
  CHECK(patched.front().At("name", "file") == ros::Json("KERNEL"));
  CHECK(transfer.At("fetch_bytes", "transfer").AsUint("transfer") < kFewBytes);
  Upgrade(machine, InMemory("48M", command));
  machine.WaitForShell("3", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"a", "3", true});
  CHECK(HasNewKernel(disk, "A"));
  CHECK_FALSE(HasNewKernel(disk, "B"));
  CHECK_THAT(GateIsOver(machine), Catch::Contains("commit"));

  INFO("a required check fails: back on a");
  Upgrade(machine, FromFile("debian-check-fails"));
  machine.WaitForShell("3", kLong);
  CHECK(WhoRuns(machine) == RunningOs{"a", "3"});
  CHECK_THAT(machine.MustRun("ros why"), Catch::Contains("database"));
}
