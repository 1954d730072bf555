#include <catch2/catch.hpp>
#include <string>

#include "base/process.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

void Overwrite(DiskImage& disk, const BootFile& file, const std::string& content) {
  REQUIRE(content.size() == file.size);
  disk.Write(file.extents.at(0).offset, content);
}

std::string Sha256Of(const std::string& content) {
  return ros::RunTool({.argv = {"sha256sum"}, .input = content}).substr(0, 64);
}

// Makes a slot's entry name an initrd that is not there. SUMS agrees, so that GRUB finds it out
// after it has loaded the kernel.
void MisnameInitrd(DiskImage& disk, const std::string& slot) {
  const BootFile entry = FindBootFile(disk, slot + "/GRUB.CFG");
  const BootFile sums = FindBootFile(disk, slot + "/SUMS");
  std::string text = ReadBootFile(disk, entry);
  std::string digests = ReadBootFile(disk, sums);
  const std::size_t digest = digests.find(Sha256Of(text));
  const std::size_t name = text.find("/initrd;");
  REQUIRE(digest != std::string::npos);
  REQUIRE(name != std::string::npos);
  text.replace(name, 7, "/nobody");
  digests.replace(digest, 64, Sha256Of(text));
  Overwrite(disk, entry, text);
  Overwrite(disk, sums, digests);
}

bool RunsOnUefi(Machine& machine) {
  return machine.Run("test -d /sys/firmware/efi").exit_code == 0;
}

// A part of what `ros status` tells.
std::string StatusOf(Machine& machine, std::string_view part) {
  return Ask(machine, "ros status").At(part, "ros status").Dump();
}

}  // namespace

TEST_CASE("uefi-commits-and-comes-back", "[qemu]") {
  Story story("uefi", {"tiny-panics", "tiny-v2"});
  story.UseFirmware(Firmware::kUefi);
  Machine& machine = story.Boot();
  CHECK(RunsOnUefi(machine));
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(StatusOf(machine, "firmware") == R"({"kind":"uefi","secure_boot":"off"})");
  CHECK(StatusOf(machine, "loader") == R"({"name":"GRUB","bios":true,"uefi":true})");

  INFO("a trial that panics");
  story.Upgrade("tiny-panics", "--tries 1");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "aba");

  INFO("a trial that commits");
  story.Upgrade("tiny-v2");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  story.WaitForServices();
  story.PowerOff();
  CHECK(BootVariable(story.disk(), "ros_good") == "b");
  CHECK(CheckBootPartition(story.disk()).empty());

  INFO("a kernel that loads and an initrd that does not: the other slot, in the same boot");
  MisnameInitrd(story.disk(), "/B");
  Machine& again = story.Boot();
  CHECK(WhoRuns(again) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(again) == "ba");
  CHECK(again.resets() == 0);
  story.PowerOff();

  INFO("the same disk, started by a BIOS");
  story.UseFirmware(Firmware::kBios);
  Machine& bios = story.Boot();
  CHECK_FALSE(RunsOnUefi(bios));
  CHECK(StatusOf(bios, "firmware") == R"({"kind":"bios"})");
  CHECK(WhoRuns(bios) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(bios) == "ba");
}
