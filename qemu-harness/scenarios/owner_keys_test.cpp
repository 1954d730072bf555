#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr ros::Bytes kMiB = ros::Bytes{1} << 20U;

// A disk with kernel and GRUB signed by the owner of this firmware.
Story OwnerStory(const std::string& name, const DiskImage& disk) {
  Story story(name, {"tiny-owner-waits", "tiny-v2"}, disk);
  story.UseFirmware(Firmware::kOwnerUefi);
  return story;
}

void CheckOwnerSigned(Machine& machine) {
  const ros::Json status = Ask(machine, "ros status");
  CHECK(status.At("firmware", "status").Dump() == R"({"kind":"uefi","secure_boot":"on"})");
  const ros::Json& loader = status.At("loader", "status");
  CHECK(loader.At("secure_boot", "loader") == ros::Json(true));
  CHECK(loader.At("unified_kernels", "loader") == ros::Json(true));
  CHECK(loader.At("bios", "loader") == ros::Json(false));
  CHECK(loader.At("damage", "loader").Dump() == "[]");
  // The kernel's own word.
  CHECK_THAT(machine.MustRun("dmesg"), Catch::Contains("secureboot: Secure boot enabled"));
}

void ReplaceOnce(std::string& text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

// Gives the unified kernel of slot b another content of the same length, and the sums that go with
// it: what somebody does who has the disk and not the owner's key.
void ForgeKernel(DiskImage& disk, const std::string& content) {
  const BootFile kernel = FindBootFile(disk, "/B/LINUX.EFI");
  REQUIRE(kernel.extents.size() == 1);
  REQUIRE(content.size() == kernel.size);
  disk.Write(kernel.extents.at(0).offset, content);
  const ros::TempDirectory directory(RunDirectory(), "forge");
  const auto file = directory.path() / "linux.efi";
  ros::CreateFileDurably(file, ros::AsBytes(content));
  const std::string sum = ros::RunTool({.argv = {"sha256sum", file.string()}}).substr(0, 64);
  const BootFile sums = FindBootFile(disk, "/B/SUMS");
  disk.Write(sums.extents.at(0).offset, sum);
}

// Boots with slot b as the trial and expects that its kernel is refused, by the firmware and not by
// the sums, and that slot a comes up in the same boot.
void CheckRefused(Story& story) {
  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "ba");
  CHECK(machine.resets() == 0);
  CHECK_THAT(machine.console().text(), Catch::Contains("cannot load image"));
  CHECK_THAT(machine.console().text(), Catch::Contains("linux.efi: OK"));
  CHECK_THAT(machine.MustRun("cat /proc/cmdline"), Catch::Contains("ros.fell=b"));
  story.WaitForServices();
  CHECK(Ask(machine, "ros why").At("why", "why").AsString("why") == "loader-fell-back");
}

}  // namespace

TEST_CASE("owner-keys-boot-and-tell", "[qemu]") {
  Story story = OwnerStory("owner", NewDisk("tiny-owner"));
  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CheckFreshStatus(machine);
  CheckOwnerSigned(machine);
  story.WaitForServices();

  INFO("what this machine cannot have");
  const auto plain = machine.Run("ros upgrade --plan -i " + InGuest("tiny-v2"));
  CHECK(plain.exit_code == 5);
  CHECK_THAT(plain.output, Catch::Contains("ros image build --uki"));
  const auto append =
      machine.Run("ros upgrade --plan --append quiet -i " + InGuest("tiny-owner-waits"));
  CHECK(append.exit_code == 2);
  CHECK_THAT(append.output, Catch::Contains("ros image build --append"));
}

TEST_CASE("owner-keys-commit-and-come-back", "[qemu]") {
  Story story = OwnerStory("owner", NewDisk("tiny-owner"));
  story.Boot();

  INFO("a trial that is reset before it has reported in");
  story.Upgrade("tiny-owner-waits", "--tries 1");
  Machine& machine = story.machine();
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  CHECK_THAT(machine.MustRun("cat /proc/cmdline"), Catch::Contains("ros.trial=0"));
  machine.Reset();
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "aba");
  story.WaitForServices();
  CHECK(Ask(machine, "ros why").At("why", "why").AsString("why") == "tries-used-up");

  INFO("a trial that commits");
  story.Upgrade("tiny-owner-waits", "--retry");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  CheckOwnerSigned(machine);
  // Its initrd has keys, by which what lies beside it on the boot partition is verified too.
  CHECK(BootCheck(machine) == "verified");
  machine.MustRun("ros health report application ok");
  story.WaitForServices();
  CHECK(Ask(machine, "ros status").At("good", "status") == ros::Json("b"));

  INFO("and back by hand");
  machine.MustRun("ros rollback --no-reboot");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  story.PowerOff();
  CHECK(CheckBootPartition(story.disk()).empty());
  CHECK(StateOnDisk(story.disk()) == StoredState{"a"});

  INFO("with Secure Boot off the same disk starts too, and nobody is asked");
  story.UseFirmware(Firmware::kUefi);
  Machine& plain = story.Boot();
  CHECK(WhoRuns(plain) == RunningOs{"a", "1"});
  CHECK(Ask(plain, "ros status").At("firmware", "status").Dump() ==
        R"({"kind":"uefi","secure_boot":"off"})");
}

TEST_CASE("owner-keys-kernel-that-returns", "[qemu]") {
  Story story("owner", {"tiny-owner-returns", "tiny-owner-blind"}, NewDisk("tiny-owner"));
  story.UseFirmware(Firmware::kOwnerUefi);
  story.Boot();

  INFO("a trial whose stub starts and gives up, when the firmware has been told its slot already");
  story.Upgrade("tiny-owner-returns");
  Machine& machine = story.machine();
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "aba");
  const std::string line = machine.MustRun("cat /proc/cmdline");
  CHECK_THAT(line, Catch::Contains("ros.slot=a") && Catch::Contains("ros.fell=b"));
  story.WaitForServices();
  CHECK(Ask(machine, "ros why").At("why", "why").AsString("why") == "loader-fell-back");

  INFO("a system that cannot ask the firmware where it came from");
  story.Upgrade("tiny-owner-blind");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "4", true});
  story.WaitForServices();
  CHECK(Ask(machine, "ros status").At("good", "status") == ros::Json("b"));
  story.PowerOff();

  INFO("no slot that loads: GRUB starts the machine again, and stops nowhere");
  for (const char* sums : {"/A/SUMS", "/B/SUMS"}) {
    story.disk().Damage(FindBootFile(story.disk(), sums).extents.at(0).offset, 1);
  }
  MachineOptions options = MachineWith("neither", story.disk(), nullptr);
  options.firmware = Firmware::kOwnerUefi;
  Machine neither(options);
  neither.WaitForConsole("starting again in half a minute");
  neither.WaitForConsole("ros: GRUB");
  CHECK(neither.resets() == 1);
}

TEST_CASE("owner-keys-start-nothing-changed", "[qemu]") {
  Story first = OwnerStory("owner", NewDisk("tiny-owner"));
  first.Boot();
  first.Upgrade("tiny-owner-waits");
  first.PowerOff();
  const DiskImage upgraded(first.disk().path());
  const std::string kernel = ReadBootFile(upgraded, FindBootFile(upgraded, "/B/LINUX.EFI"));
  const auto refused = [&](const std::string& name, const std::string& forged) {
    INFO(name);
    Story story = OwnerStory(name, upgraded);
    ForgeKernel(story.disk(), forged);
    CheckRefused(story);
  };

  std::string forged = kernel;
  ReplaceOnce(forged, "panic=10", "panic=11");
  refused("changed-argument", forged);

  forged = kernel;
  const auto initrd = kernel.find("\x28\xB5\x2F\xFD", kernel.find(".linux"));
  REQUIRE(initrd != std::string::npos);
  forged.at(initrd + kMiB) = static_cast<char>(forged.at(initrd + kMiB) ^ 1);
  refused("changed-initrd", forged);

  // As its vendor ships it, at the length of the other.
  forged = ros::ReadFile(HarnessDirectory() / "live/kernel", 64 * kMiB);
  REQUIRE(forged.size() <= kernel.size());
  forged.resize(kernel.size(), '\0');
  refused("unsigned-kernel", forged);

  {
    INFO("damage that the sums tell, before the firmware is asked");
    Story story = OwnerStory("damaged", upgraded);
    story.disk().Damage(FindBootFile(upgraded, "/B/LINUX.EFI").extents.at(0).offset + 4 * kMiB, 1);
    Machine& machine = story.Boot();
    CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
    CHECK(SlotsStarted(machine) == "ba");
  }
  {
    INFO("one word of GRUB's configuration");
    DiskImage disk(upgraded.path());
    for (const char* path : {"/EFI/BOOT/BOOTX64.EFI", "/EFI/ROS/BOOTX64.EFI"}) {
      const BootFile grub = FindBootFile(disk, path);
      std::string program = ReadBootFile(disk, grub);
      ReplaceOnce(program, "superusers=nobody", "superusers=      ");
      disk.Write(grub.extents.at(0).offset, program);
    }
    MachineOptions options = MachineWith("changed-grub", disk, nullptr);
    options.firmware = Firmware::kOwnerUefi;
    Machine machine(options);
    machine.WaitForConsole("Access Denied|Security Violation|failed to load Boot");
    CHECK(SlotsStarted(machine).empty());
  }
}
