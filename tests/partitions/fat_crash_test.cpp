#include <catch2/catch.hpp>

#include "partitions/fat_volume.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/support/crashing_device.hpp"

// Power cuts while a boot partition is changed.
namespace ros::partitions {
namespace {

using testing::AllCuts;
using testing::CountWrites;
using testing::CrashingDevice;
using testing::MemoryDisk;
using testing::PowerCut;
using testing::PowerSupply;

// A boot partition that fsck.vfat -a has cut short, as bytes of its metadata.
std::string CutShort() {
  auto disk = std::make_shared<MemoryDisk>(48_MiB);
  MakeTestBoot(Region(disk));
  auto volume = FatVolume::Open(Region(disk));
  volume.SetLengths("/A", {{"KERNEL", 70'000}});
  Run({"fsck.vfat", "-a", disk->name()});
  return ReadText(Region(disk), 4_MiB);
}

std::shared_ptr<MemoryDisk> DiskWith(const std::string& metadata) {
  auto disk = std::make_shared<MemoryDisk>(48_MiB, 512, 0);
  disk->Write(0, AsBytes(metadata));
  return disk;
}

}  // namespace

TEST_CASE("SetLengths: after a cut all lengths are old or all are new", "[crash]") {
  auto made = std::make_shared<MemoryDisk>(48_MiB);
  MakeTestBoot(Region(made));
  const auto metadata = ReadText(Region(made), 4_MiB);
  const std::map<std::string, Bytes> wanted = {
      {"KERNEL", 1}, {"INITRD", 2}, {"GRUB.CFG", 3}, {"SUMS", 4}};
  const auto run = [&](PowerSupply& power, const std::shared_ptr<MemoryDisk>& disk) {
    auto device = std::make_shared<CrashingDevice>(disk, power);
    auto volume = FatVolume::Open(Region(device));
    volume.SetLengths("/A", wanted);
  };
  CHECK(CountWrites([&](PowerSupply& power) { run(power, DiskWith(metadata)); }) == 1);
  for (const auto& cut : AllCuts(1)) {
    auto disk = DiskWith(metadata);
    PowerSupply power(cut);
    CHECK_THROWS_AS(run(power, disk), PowerCut);
    const auto volume = FatVolume::Open(Region(disk));
    const auto lengths = volume.Lengths("/A");
    const bool is_new = lengths.at("KERNEL") == 1;
    for (const auto& [name, length] : wanted) {
      CHECK(lengths.at(name) == (is_new ? length : 0));
    }
    CHECK(volume.CheckOwnership().empty());
  }
}

TEST_CASE("SwitchToSpare: after a cut all contents are old or all are new", "[crash]") {
  auto made = std::make_shared<MemoryDisk>(48_MiB);
  MakeTestBoot(Region(made));
  FatVolume::Open(Region(made)).FindSpare("/EFI/BOOT/BOOTX64.EFI")->data.Write(0, AsBytes("newer"));
  FatVolume::Open(Region(made)).FindSpare("/EFI/BOOT/VERSION")->data.Write(0, AsBytes("2"));
  const auto metadata = ReadText(Region(made), 4_MiB);
  const auto run = [&](PowerSupply& power, const std::shared_ptr<MemoryDisk>& disk) {
    auto device = std::make_shared<CrashingDevice>(disk, power);
    auto volume = FatVolume::Open(Region(device));
    volume.SwitchToSpare("/EFI/BOOT", {{"BOOTX64.EFI", 5}, {"VERSION", 1}});
  };
  CHECK(CountWrites([&](PowerSupply& power) { run(power, DiskWith(metadata)); }) == 1);
  std::size_t old = 0;
  for (const auto& cut : AllCuts(1)) {
    auto disk = DiskWith(metadata);
    PowerSupply power(cut);
    CHECK_THROWS_AS(run(power, disk), PowerCut);
    const auto volume = FatVolume::Open(Region(disk));
    const auto version = volume.ReadContent("/EFI/BOOT/VERSION", 64);
    const auto loader = volume.ReadContent("/EFI/BOOT/BOOTX64.EFI", 64);
    CHECK(loader == (version == "1" ? "loader" : "newer"));
    CHECK(volume.CheckOwnership().empty());
    old += version == "1" ? 1U : 0U;
  }
  CHECK(old > 0);
  CHECK(old < AllCuts(1).size());
}

TEST_CASE("RepairAllocation: after a cut no cluster has two owners, and a second run ends it",
          "[crash]") {
  const auto metadata = CutShort();
  const auto run = [&](PowerSupply& power, const std::shared_ptr<MemoryDisk>& disk) {
    auto device = std::make_shared<CrashingDevice>(disk, power);
    auto volume = FatVolume::Open(Region(device));
    volume.RepairAllocation();
  };
  const auto writes = CountWrites([&](PowerSupply& power) { run(power, DiskWith(metadata)); });
  REQUIRE(writes > 10);
  for (const auto& cut : AllCuts(writes)) {
    auto disk = DiskWith(metadata);
    PowerSupply power(cut);
    CHECK_THROWS_AS(run(power, disk), PowerCut);
    auto volume = FatVolume::Open(Region(disk));
    INFO("cut at write " << cut.write);
    // The good slot's kernel boots after any of them.
    const auto kernel = volume.Find("/A/KERNEL");
    CHECK(kernel.length == 70'000);
    CHECK(kernel.allocated >= kernel.length);
    for (const auto& complaint : volume.CheckOwnership()) {
      CHECK_FALSE(Contains(complaint, "belongs to both"));
      CHECK_FALSE(Contains(complaint, "chain"));
    }
    volume.RepairAllocation();
    CHECK(volume.CheckOwnership().empty());
  }
}

}  // namespace ros::partitions
