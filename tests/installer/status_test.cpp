#include "installer/status.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "health/bad_list.hpp"
#include "health/journal.hpp"
#include "tests/installer/support/installed_disk.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.

Machine RunningFrom(const UpgradedDisk& disk) {
  return {.disk = partitions::OpenRosDisk(disk.disk->name()),
          .state = disk.state.path(),
          .running = health::BootArguments{.slot = SlotId::kA}};
}

// The line of the text that begins with this word.
std::string LineOf(const std::string& text, const std::string& word) {
  const auto at = text.find("\n" + word);
  return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}

}  // namespace

TEST_CASE("InspectStatus: tells what started the machine", "[installer]") {
  const UpgradedDisk disk(AfterWriting::kStage, {.good = SlotId::kA});
  const TempDirectory sys;
  const auto machine = RunningFrom(disk);
  const auto line = [&] {
    return LineOf(DescribeStatus(InspectStatus(machine, sys.path()), Console()), "firmware");
  };
  CHECK(line() == "firmware   BIOS");
  const auto efivars = sys.path() / "firmware/efi/efivars";
  std::filesystem::create_directories(efivars);
  CHECK(line() ==
        "firmware   UEFI, Secure Boot unknown (its variables cannot be read: is efivarfs "
        "mounted?)");
  std::ofstream(efivars / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
      << std::string("\x06\0\0\0\x01", 5);
  CHECK(line() == "firmware   UEFI, Secure Boot on");
  const auto json = StatusToJson(InspectStatus(machine, sys.path()));
  CHECK(json.At("firmware", "").Dump() == R"({"kind":"uefi","secure_boot":"on"})");
}

TEST_CASE("InspectStatus: tells what became of an image that is not good", "[installer]") {
  const UpgradedDisk disk(AfterWriting::kStage, {.good = SlotId::kA});
  const TempDirectory sys;
  const auto machine = RunningFrom(disk);
  const auto state = [&](const Machine& of) {
    return SlotStateText(InspectStatus(of, sys.path()), SlotId::kB);
  };
  CHECK(state(machine) == "staged");
  CHECK(state({.disk = machine.disk}) == "kept");
  const auto digest = InspectStatus(machine, sys.path()).slot(SlotId::kB).digest;
  const SystemClock clock;
  health::Journal(machine.state, clock)
      .Append({.event = health::JournalEvent::kCommitted, .slot = SlotId::kB, .digest = digest});
  CHECK(state(machine) == "good before");
  health::AddBadImage(machine.state, {.digest = digest, .version = "2", .reason = "no"});
  CHECK(state(machine) == "rolled back");
}

TEST_CASE("InspectStatus: tells the loader, and no firmware of another machine's disk",
          "[installer]") {
  const UpgradedDisk disk(AfterWriting::kStage, {.good = SlotId::kA});
  const Machine other{.disk = partitions::OpenRosDisk(disk.disk->name())};
  const auto status = InspectStatus(other);
  CHECK(LineOf(DescribeStatus(status, Console()), "firmware").empty());
  CHECK(StatusToJson(status).Find("firmware", "") == nullptr);
  CHECK(LineOf(DescribeStatus(status, Console()), "loader") ==
        "loader     GRUB " + RealGrub().version + ", for BIOS and UEFI machines");
  CHECK(StatusToJson(status).At("loader", "").Dump() ==
        R"({"name":"GRUB","bios":true,"bios_version":")" + RealGrub().version +
            R"(","uefi":true,"uefi_version":")" + RealGrub().version +
            R"(","secure_boot":false,"unified_kernels":false,"damage":[]})");

  INFO("without its boot sector and its EFI program");
  disk.disk->Write(0, AsBytes(std::string(440, '\0')));
  CHECK(LoaderText(InspectStatus(other).loader) ==
        "GRUB " + RealGrub().version + ", for UEFI machines");
  const Region boot = disk.Part(disk.disk, partitions::PartitionRole::kBoot);
  partitions::FatVolume::Open(boot).SetLengths("/EFI/BOOT", {{"BOOTX64.EFI", 0}});
  CHECK(LoaderText(InspectStatus(other).loader) == "GRUB, but no firmware finds it");
}

TEST_CASE("InspectStatus: tells what ros-init made of the running slot's signature",
          "[installer]") {
  const UpgradedDisk disk(AfterWriting::kStage, {.good = SlotId::kA});
  const TempDirectory sys;
  const auto machine = RunningFrom(disk);
  const auto status = [&] { return InspectStatus(machine, sys.path()); };
  CHECK(LineOf(DescribeStatus(status(), Console()), "this boot") ==
        "this boot  not verified at boot: no keys in its initrd");

  const SystemClock clock;
  const health::Journal journal(machine.state, clock);
  const auto reached = [&](health::BootCheck check, const std::string& reason) {
    journal.Append({.event = health::JournalEvent::kInitReached,
                    .slot = SlotId::kA,
                    .boot_check = check,
                    .reason = reason});
  };
  reached(health::BootCheck::kVerified, "signed by the key");
  CHECK(LineOf(DescribeStatus(status(), Console()), "this boot") ==
        "this boot  verified, signed by the key");
  reached(health::BootCheck::kNotVerified, "SIGS is damaged");
  CHECK(LineOf(DescribeStatus(status(), Console()), "this boot") == "this boot  SIGS is damaged");
  CHECK(StatusToJson(status()).At("boot_check", "").Dump() ==
        R"({"result":"not-verified","text":"SIGS is damaged"})");
}

TEST_CASE("InspectStatus: tells the channels that were followed", "[installer]") {
  const UpgradedDisk disk(AfterWriting::kStage, {.good = SlotId::kA});
  const TempDirectory sys;
  const auto machine = RunningFrom(disk);
  const auto status = [&] { return InspectStatus(machine, sys.path()); };
  CHECK(StatusToJson(status()).At("channels", "").Dump() == "[]");
  const keys::Digest digest = keys::Sha256Of(AsBytes(std::string("document")));
  RememberChannel(machine.state, "stable", {.serial = 7, .digest = digest});
  CHECK(LineOf(DescribeStatus(status(), Console()), "channel") ==
        "channel    stable, serial 7 is the newest document that was accepted");
  CHECK(StatusToJson(status()).At("channels", "").Dump() ==
        R"([{"name":"stable","serial":7,"document":")" + digest.ToString() + R"("}])");
  WriteFileAtomically(machine.state / kChannelMemoryFile, AsBytes(std::string("{")));
  CHECK_THAT(LineOf(DescribeStatus(status(), Console()), "channel"),
             Catch::Contains("remove the file"));
}

TEST_CASE("InspectStatus: tells a boot loader that is damaged", "[installer]") {
  const UpgradedDisk disk(AfterWriting::kStage, {.good = SlotId::kA});
  const Machine other{.disk = partitions::OpenRosDisk(disk.disk->name())};
  const Region bios = disk.Part(disk.disk, partitions::PartitionRole::kBios);
  bios.Write(70'000, AsBytes("damage"));
  const auto status = InspectStatus(other);
  CHECK(status.loader.damage == std::vector<std::string>{"GRUB for BIOS machines is damaged"});
  CHECK_THAT(DescribeStatus(status, Console()),
             Catch::EndsWith("GRUB for BIOS machines is damaged; ros upgrade --bootloader mends "
                             "it\n"));
}

TEST_CASE("LoaderText: two versions", "[installer]") {
  CHECK(LoaderText({.name = "GRUB",
                    .bios = true,
                    .uefi = true,
                    .bios_version = "2.06-2",
                    .uefi_version = "2.06-1"}) ==
        "GRUB 2.06-2 for BIOS machines, GRUB 2.06-1 for UEFI machines");
}

}  // namespace ros::installer
