#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "bootloader/syslinux_store.hpp"
#include "installer/loader_install.hpp"
#include "installer/loader_upgrade.hpp"
#include "installer/machine.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::installer {
namespace {

using bootloader::SyslinuxParts;
using partitions::PartitionRole;
using ros::literals::operator""_KiB;
using ros::literals::operator""_MiB;

// A boot partition behind a first sector, with this syslinux as an installation puts it there.
struct SyslinuxDisk {
  explicit SyslinuxDisk(const SyslinuxParts& parts) {
    auto files = LoaderFiles(parts);
    for (const auto slot : {SlotId::kA, SlotId::kB}) {
      const auto more = partitions::SlotFiles(
          slot, partitions::kTestSizes, SlotLoaderFiles(bootloader::LoaderKind::kSyslinux));
      files.insert(files.end(), more.begin(), more.end());
    }
    partitions::MakeTestBoot(partition, files);
    WriteLoader(parts, Region(), partition);
  }

  [[nodiscard]] PartitionOpener Opener() const {
    return [this](PartitionRole role, DeviceAccess /*access*/) {
      REQUIRE(role == PartitionRole::kBoot);
      return partition;
    };
  }

  std::shared_ptr<testing::MemoryDisk> disk = std::make_shared<testing::MemoryDisk>(64_MiB);
  Region partition = Region(disk, 1_MiB, 63_MiB);
};

// Every part is another one, the loader longer too.
SyslinuxParts OtherSyslinux(SyslinuxParts parts) {
  const auto digit = parts.ldlinux_sys.find("SYSLINUX ") + 9;
  parts.ldlinux_sys[digit] = '7';
  parts.ldlinux_sys += std::string(5000, 'l');
  parts.mbr[0x20] = static_cast<char>(parts.mbr[0x20] ^ 1);
  parts.boot_sector[0x100] = static_cast<char>(parts.boot_sector[0x100] ^ 1);
  for (auto& [name, content] : parts.modules) {
    content += std::string(700, 'm');
  }
  return parts;
}

}  // namespace

TEST_CASE("CompareLoader: syslinux is overwritten on demand, and its state stays", "[installer]") {
  const auto installed = bootloader::BuildSyslinuxParts();
  const SyslinuxDisk machine(installed);
  const auto open = machine.Opener();
  auto boot = partitions::FatVolume::Open(machine.partition);
  const auto same = CompareLoader(open, boot, installed);
  CHECK_FALSE(same.Differs());
  CHECK(PlanLoader(same, LoaderWish::kUpgrade).empty());
  CHECK(same.version_on_disk == bootloader::SyslinuxVersion(installed.ldlinux_sys));
  CHECK(same.version_on_disk.starts_with("6."));

  OpenBootState(boot)->Store({.good = SlotId::kB});
  const auto other = OtherSyslinux(installed);
  const auto comparison = CompareLoader(open, boot, other);
  REQUIRE(comparison.Differs());
  CHECK(LoaderChangeText(comparison) ==
        "syslinux " + same.version_on_disk + " -> 7" + same.version_on_disk.substr(1));
  CHECK_THROWS_WITH(PlanLoader(comparison, LoaderWish::kUpgrade),
                    Catch::Contains("--bootloader-in-place"));
  const auto steps = PlanLoader(comparison, LoaderWish::kUpgradeInPlace);
  REQUIRE(steps.size() == 1);
  CHECK_THAT(DescribeLoaderStep(steps[0]),
             Catch::StartsWith("OVERWRITE syslinux") && Catch::Contains("does not boot"));
  ApplyLoaderStep(steps[0], open, boot, other);

  // The same bytes as those of an installation, but for the state.
  CHECK_FALSE(CompareLoader(open, boot, other).Differs());
  boot = partitions::FatVolume::Open(machine.partition);
  CHECK_FALSE(CompareLoader(open, boot, other).Differs());
  const SyslinuxDisk fresh(other);
  const auto fresh_boot = partitions::FatVolume::Open(fresh.partition);
  for (const auto& file : LoaderFiles(other)) {
    INFO(file.path);
    if (!file.path.ends_with("DEFAULT.CFG") && !file.path.ends_with("DEFAULT2.CFG")) {
      CHECK((boot.ReadContent(file.path, 1_MiB) == fresh_boot.ReadContent(file.path, 1_MiB)));
    }
  }
  CHECK(OpenBootState(boot)->Load().StateOr(SlotId::kA) ==
        bootloader::BootState{.good = SlotId::kB});
}

TEST_CASE("CompareLoader: one byte of syslinux is a difference, wherever it is", "[installer]") {
  const auto parts = bootloader::BuildSyslinuxParts();
  const SyslinuxDisk machine(parts);
  const auto boot = partitions::FatVolume::Open(machine.partition);
  const auto loader = boot.Find(bootloader::kSyslinuxLoaderPath);
  const auto in_partition = loader.data.offset() - machine.partition.offset();
  const auto change = [&](const Region& region, Bytes at) {
    std::byte byte{};
    region.Read(at, MutableByteSpan(&byte, 1));
    byte ^= std::byte{1};
    region.Write(at, ByteSpan(&byte, 1));
  };
  const auto differs = [&] { return CompareLoader(machine.Opener(), boot, parts).Differs(); };
  const auto module = boot.Find("/SYSLINUX/REBOOT.C32").data.offset() - machine.partition.offset();
  for (const auto& [region, at] :
       std::vector<std::pair<Region, Bytes>>{{Region(machine.disk), 0x10},
                                             {machine.partition, 0x80},
                                             {machine.partition, in_partition + 3000},
                                             {machine.partition, module + 10}}) {
    INFO(at);
    change(region, at);
    CHECK(differs());
    change(region, at);
    CHECK_FALSE(differs());
  }
  // The boot state is no part of it, and neither is the disk's signature.
  change(machine.partition, in_partition + loader.length - 300);
  change(Region(machine.disk), 0x1b8);
  CHECK_FALSE(differs());
}

}  // namespace ros::installer
