#include "partitions/fat_volume.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "base/error.hpp"
#include "partitions/fat_format.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

std::shared_ptr<MemoryDisk> MakeDisk(Bytes filled = 4_MiB) {
  auto disk = std::make_shared<MemoryDisk>(64_MiB, 512, filled);
  MakeTestBoot(Region(disk));
  return disk;
}

fat::Geometry GeometryOf(const BlockDevice& disk) {
  std::vector<std::byte> boot_sector(512);
  disk.Read(0, boot_sector);
  return fat::ParseGeometry(boot_sector, disk.size());
}

std::uint32_t ClusterOf(const BlockDevice& disk, const FatFile& file) {
  const auto geometry = GeometryOf(disk);
  return static_cast<std::uint32_t>((file.data.offset() - geometry.data_offset) /
                                    geometry.cluster_size) +
         fat::kFirstCluster;
}

// Sets an entry of the table in all its copies.
void SetLink(BlockDevice& disk, std::uint32_t cluster, std::uint32_t next) {
  const auto geometry = GeometryOf(disk);
  for (std::uint32_t table = 0; table < geometry.tables; ++table) {
    std::vector<std::byte> entry(4);
    StoreLe32(entry, 0, next);
    disk.Write(geometry.table_offset + table * geometry.table_size + Bytes{cluster} * 4, entry);
  }
}

}  // namespace

TEST_CASE("SetLengths: one write of one sector, other files keep theirs", "[partitions]") {
  auto disk = MakeDisk();
  testing::PowerSupply power;
  auto counted = std::make_shared<testing::CrashingDevice>(disk, power);
  auto volume = FatVolume::Open(Region(counted));
  volume.SetLengths("/a", {{"KERNEL", 1000}, {"INITRD", 512_KiB}});
  REQUIRE(power.events().size() == 2);
  CHECK(power.events()[0].length == 512);
  CHECK(power.events()[0].offset % 512 == 0);
  CHECK(power.events()[1].length == 0);
  const auto after = FatVolume::Open(Region(disk));
  CHECK(after.Lengths("/A") == std::map<std::string, Bytes>{{"KERNEL", 1000},
                                                            {"INITRD", 512_KiB},
                                                            {"GRUB.CFG", 0},
                                                            {"MANIFEST", 0},
                                                            {"CONFIG", 0},
                                                            {"SIGS", 0},
                                                            {"SUMS", 0}});
  CHECK(after.Lengths("/B").at("KERNEL") == 0);
  CHECK(after.CheckOwnership().empty());
  volume.SetLengths("/A", {{"KERNEL", 0}, {"INITRD", 0}});
  CHECK(FatVolume::Open(Region(disk)).Lengths("/A").at("INITRD") == 0);
}

TEST_CASE("SetLengths: refuses before it writes", "[partitions]") {
  auto disk = MakeDisk();
  testing::PowerSupply power;
  auto counted = std::make_shared<testing::CrashingDevice>(disk, power);
  auto volume = FatVolume::Open(Region(counted));
  CHECK_THROWS_AS(volume.SetLengths("/A", {{"CONFIG", 1}, {"KERNEL", 256_KiB + 1}}), Error);
  CHECK_THROWS_AS(volume.SetLengths("/A", {{"CONFIG", 1}, {"OTHER", 1}}), Error);
  CHECK_THROWS_AS(volume.SetLengths("/C", {{"CONFIG", 1}}), Error);
  CHECK_NOTHROW(volume.SetLengths("/A", {}));
  CHECK(power.writes() == 0);
}

TEST_CASE("SwitchToSpare: several files get new contents by one write of one sector",
          "[partitions]") {
  auto disk = MakeDisk();
  testing::PowerSupply power;
  auto counted = std::make_shared<testing::CrashingDevice>(disk, power);
  auto volume = FatVolume::Open(Region(counted));
  const std::string path = "/EFI/BOOT/BOOTX64.EFI";
  const auto write_spare = [&](const std::string& file, const std::string& content) {
    volume.FindSpare(file).value().data.Write(0, AsBytes(content));
  };
  write_spare(path, "new loader");
  write_spare("/EFI/BOOT/VERSION", "22");
  counted->Sync();
  CHECK(volume.ReadContent(path, 1_KiB) == "loader");
  const auto before = power.events().size();
  volume.SwitchToSpare("/EFI/BOOT", {{"BOOTX64.EFI", 10}, {"VERSION", 2}});
  REQUIRE(power.events().size() == before + 2);
  CHECK(power.events()[before].length == 512);
  CHECK(power.events()[before + 1].length == 0);

  auto after = FatVolume::Open(Region(disk));
  CHECK(after.CheckOwnership().empty());
  CHECK(after.ReadContent(path, 1_KiB) == "new loader");
  CHECK(after.ReadContent("/EFI/BOOT/VERSION", 1_KiB) == "22");
  CHECK(after.ReadContent("/EFI/BOOT/BOOTX64.ALT", 1_KiB) == "loader");
  CHECK(Run({"mtype", "-i", disk->name(), "::/efi/boot/bootx64.efi"}).out == "new loader");
  CHECK(after.Places("/EFI/BOOT").at("BOOTX64.EFI") == 64_KiB);
  // And back: the old one is still there.
  after.SwitchToSpare("/EFI/BOOT", {{"BOOTX64.EFI", 6}});
  CHECK(after.ReadContent(path, 1_KiB) == "loader");
  CHECK(after.CheckOwnership().empty());
}

TEST_CASE("SwitchToSpare: refuses before it writes", "[partitions]") {
  auto disk = MakeDisk();
  testing::PowerSupply power;
  auto volume = FatVolume::Open(Region(std::make_shared<testing::CrashingDevice>(disk, power)));
  CHECK_THROWS_WITH(volume.SwitchToSpare("/GRUB", {{"GRUB.CFG", 1}}),
                    Catch::Contains("/GRUB/GRUB.CFG has no spare place"));
  CHECK_THROWS_WITH(volume.SwitchToSpare("/EFI/BOOT", {{"VERSION", 1}, {"BOOTX64.EFI", 65_KiB}}),
                    Catch::Contains("/EFI/BOOT/BOOTX64.ALT would have 65 KiB"));
  CHECK_THROWS_AS(volume.SwitchToSpare("/EFI/BOOT", {{"OTHER", 1}}), Error);
  CHECK(power.writes() == 0);
}

TEST_CASE("RepairAllocation: knows places that were switched", "[partitions]") {
  // fsck.vfat -a takes the spare clusters of both, and all of an empty one.
  const auto old_length = GENERATE(Bytes{6}, Bytes{0});
  auto disk = MakeDisk();
  auto volume = FatVolume::Open(Region(disk));
  volume.SetLengths("/EFI/BOOT", {{"BOOTX64.EFI", old_length}});
  volume.FindSpare("/EFI/BOOT/BOOTX64.EFI")->data.Write(0, AsBytes("new loader"));
  volume.SwitchToSpare("/EFI/BOOT", {{"BOOTX64.EFI", 10}});
  Run({"fsck.vfat", "-a", disk->name()});
  auto cut = FatVolume::Open(Region(disk));
  CHECK(cut.Find("/EFI/BOOT/BOOTX64.EFI").allocated < 64_KiB);
  CHECK_FALSE(cut.CheckOwnership().empty());
  cut.RepairAllocation();
  CHECK(cut.CheckOwnership().empty());
  CHECK(cut.ReadContent("/EFI/BOOT/BOOTX64.EFI", 1_KiB) == "new loader");
  CHECK(cut.Find("/EFI/BOOT/BOOTX64.EFI").allocated == 64_KiB);
  CHECK(cut.FindSpare("/EFI/BOOT/BOOTX64.EFI")->allocated == 64_KiB);
}

TEST_CASE("FatVolume: a file's clusters are a region of its own", "[partitions]") {
  auto disk = MakeDisk();
  auto volume = FatVolume::Open(Region(disk));
  const auto file = volume.Find("/a/kernel");
  const std::string kernel(200'000, 'k');
  file.data.Write(0, AsBytes(kernel));
  volume.SetLengths("/A", {{"KERNEL", kernel.size()}});
  CHECK(volume.ReadContent("/A/KERNEL", 1_MiB) == kernel);
  CHECK(Run({"mtype", "-i", disk->name(), "::/a/kernel"}).out == kernel);
  CHECK_THROWS_AS(volume.ReadContent("/A/KERNEL", 1000), Error);
}

TEST_CASE("FatVolume: what is not there", "[partitions]") {
  auto disk = MakeDisk();
  const auto volume = FatVolume::Open(Region(disk));
  CHECK_FALSE(volume.TryFind("/A/NOTHING").has_value());
  CHECK_FALSE(volume.TryFind("/Z/NOTHING").has_value());
  CHECK_THROWS_WITH(volume.Find("/a/nothing"), Catch::Contains("/A/NOTHING is missing"));
  CHECK_THROWS_WITH(volume.Find("/A"), Catch::Contains("is a directory"));
  CHECK_THROWS_WITH(volume.Find("/A/KERNEL/X"), Catch::Contains("is not a directory"));
  CHECK_THROWS_AS(FatVolume::Open(Region(std::make_shared<MemoryDisk>(64_MiB))), Error);
  CHECK_THROWS_AS(FatVolume::Open(Region(std::make_shared<MemoryDisk>(100))), Error);
}

TEST_CASE("CheckOwnership: a cluster with two owners", "[partitions]") {
  auto disk = MakeDisk();
  const auto volume = FatVolume::Open(Region(disk));
  const auto kernel = ClusterOf(*disk, volume.Find("/A/KERNEL"));
  const auto initrd = ClusterOf(*disk, volume.Find("/A/INITRD"));
  SetLink(*disk, kernel + 5, initrd + 7);
  const auto complaints = FatVolume::Open(Region(disk)).CheckOwnership();
  REQUIRE_FALSE(complaints.empty());
  CHECK_THAT(complaints.front(), Catch::Contains("belongs to both /A/KERNEL and /A/INITRD"));
  CHECK_THROWS_WITH(FatVolume::Open(Region(disk)).Find("/A/KERNEL"),
                    Catch::Contains("not in one piece"));
  CHECK_THROWS_AS(FatVolume::Open(Region(disk)).RepairAllocation(), Error);
}

TEST_CASE("CheckOwnership: chains that do not end or leave the volume", "[partitions]") {
  const auto next = GENERATE(0U, 1U, 0x0ffffff0U, 0x0ffffff7U, ~0U - 1);
  auto disk = MakeDisk();
  const auto volume = FatVolume::Open(Region(disk));
  const auto kernel = ClusterOf(*disk, volume.Find("/A/KERNEL"));
  if (next == ~0U - 1) {
    SetLink(*disk, kernel + 5, kernel);
  } else {
    SetLink(*disk, kernel + 5, next);
  }
  const auto damaged = FatVolume::Open(Region(disk));
  CHECK_FALSE(damaged.CheckOwnership().empty());
  CHECK_THROWS_WITH(damaged.Find("/A/KERNEL"), Catch::Contains("cluster chain"));
}

TEST_CASE("CheckOwnership: a directory that contains itself", "[partitions]") {
  auto disk = MakeDisk();
  const auto volume = FatVolume::Open(Region(disk));
  const auto geometry = GeometryOf(*disk);
  const auto entry = volume.Find("/A/KERNEL").entry_sector;
  std::vector<std::byte> sector(512);
  entry.Read(0, sector);
  const auto self =
      static_cast<std::uint32_t>((entry.offset() - geometry.data_offset) / geometry.cluster_size) +
      fat::kFirstCluster;
  fat::StoreEntry(std::span(sector).subspan(64, 32),
                  {.name = "LOOP", .attributes = fat::kAttributeDirectory, .first_cluster = self});
  entry.Write(0, sector);
  CHECK_FALSE(FatVolume::Open(Region(disk)).CheckOwnership().empty());
}

TEST_CASE("CheckOwnership: copies of the table that differ", "[partitions]") {
  auto disk = MakeDisk();
  const auto geometry = GeometryOf(*disk);
  const std::vector<std::byte> entry(4, std::byte{0x11});
  disk->Write(geometry.table_offset + geometry.table_size + 60'000 * 4, entry);
  auto volume = FatVolume::Open(Region(disk));
  const auto complaints = volume.CheckOwnership();
  REQUIRE(complaints.size() == 1);
  CHECK_THAT(complaints.front(), Catch::Contains("differ"));
  CHECK(volume.RepairAllocation().empty());
  CHECK(volume.CheckOwnership().empty());
}

TEST_CASE("RepairAllocation: mends what fsck.vfat -a cut short", "[partitions]") {
  auto disk = MakeDisk();
  {
    auto volume = FatVolume::Open(Region(disk));
    volume.Find("/A/KERNEL").data.Write(0, AsBytes("kernel of a"));
    volume.SetLengths("/A", {{"KERNEL", 70'000}, {"CONFIG", 4_KiB}});
  }
  const auto before = FatVolume::Open(Region(disk));
  const auto lengths = before.Lengths("/A");
  const auto places = [](const FatVolume& volume) {
    std::map<std::string, Bytes> all;
    for (const auto& file : TestFiles()) {
      all[file.path] = volume.Find(file.path).data.offset();
    }
    return all;
  };
  const auto places_before = places(before);
  Run({"fsck.vfat", "-a", disk->name()});

  auto volume = FatVolume::Open(Region(disk));
  CHECK(volume.Find("/A/KERNEL").allocated < 256_KiB);
  CHECK(volume.Find("/B/KERNEL").allocated == 0);
  CHECK(volume.Places("/b").at("KERNEL") == 256_KiB);
  CHECK(volume.Places("/b").size() == 7);
  CHECK(volume.ReadContent("/A/KERNEL", 1_MiB).starts_with("kernel of a"));
  CHECK_FALSE(volume.CheckOwnership().empty());
  const auto mended = volume.RepairAllocation();
  CHECK(mended.size() == TestFiles().size() - 1 + 2);
  CHECK(volume.CheckOwnership().empty());
  CHECK(volume.Find("/A/KERNEL").allocated == 256_KiB);
  CHECK(volume.Lengths("/A") == lengths);
  CHECK(places(volume) == places_before);
  CHECK(volume.RepairAllocation().empty());
  FillFiles(Region(disk));
  const auto fsck = Run({"fsck.vfat", "-n", disk->name()});
  INFO(fsck.out);
  CHECK(fsck.exit_code == 0);
}

TEST_CASE("RepairAllocation: refuses when somebody else has got the clusters", "[partitions]") {
  auto disk = MakeDisk();
  Run({"fsck.vfat", "-a", disk->name()});
  // "Not known": the next file goes where there is room first.
  const std::vector<std::byte> unknown(8, std::byte{0xff});
  disk->Write(GeometryOf(*disk).info_offset + 488, unknown);
  REQUIRE(RunProcess({.argv = {"mcopy", "-i", disk->name(), "-", "::/new"},
                      .input = std::string(100'000, 'n')})
              .exit_code == 0);
  testing::PowerSupply power;
  auto counted = std::make_shared<testing::CrashingDevice>(disk, power);
  auto volume = FatVolume::Open(Region(counted));
  CHECK_THROWS_WITH(volume.RepairAllocation(), Catch::Contains("belongs to /NEW now"));
  CHECK(power.writes() == 0);
}

TEST_CASE("RepairAllocation: gives no cluster to two files, whatever the layout says",
          "[partitions]") {
  auto disk = MakeDisk();
  Run({"fsck.vfat", "-a", disk->name()});
  const auto volume = FatVolume::Open(Region(disk));
  const auto layout = volume.Find("/LAYOUT.ROS");
  auto text = volume.ReadContent("/LAYOUT.ROS", 64_KiB);
  const auto place_of = [&](std::string_view path) {
    const auto begin = text.find(path) + path.size() + 1;
    return std::pair(begin, text.find('\n', begin) - begin);
  };
  const auto [from, from_length] = place_of("/A/CONFIG");
  const auto [to, to_length] = place_of("/B/CONFIG");
  REQUIRE(from_length == to_length);
  text.replace(to, to_length, text.substr(from, from_length));
  layout.data.Write(0, AsBytes(text));
  testing::PowerSupply power;
  auto counted = std::make_shared<testing::CrashingDevice>(disk, power);
  auto damaged = FatVolume::Open(Region(counted));
  CHECK_THROWS_WITH(damaged.RepairAllocation(), Catch::Contains("to another file too"));
  CHECK(power.writes() == 0);
}

TEST_CASE("FatVolume: random damage never does worse than an error", "[partitions]") {
  auto disk = MakeDisk();
  const auto geometry = GeometryOf(*disk);
  const auto metadata = geometry.data_offset + 64_KiB;
  const auto sound = ReadText(Region(disk), metadata);
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    auto damaged = sound;
    // Boot sector, tables' beginnings, directories.
    const std::array<Bytes, 4> areas = {
        0, geometry.table_offset, geometry.data_offset, geometry.data_offset + 4_KiB};
    for (int i = 0; i < 8; ++i) {
      damaged[areas[random() % areas.size()] + random() % 512] = static_cast<char>(random());
    }
    disk->Write(0, AsBytes(damaged));
    try {
      const auto volume = FatVolume::Open(Region(disk));
      static_cast<void>(volume.CheckOwnership());
      static_cast<void>(volume.ReadContent("/A/KERNEL", 16_MiB));
    } catch (const Error& error) {
      CHECK_FALSE(error.message().empty());
    }
  }
}

}  // namespace ros::partitions
