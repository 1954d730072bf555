#include "partitions/table_growth.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "partitions/partition_table.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

constexpr int kState = 5;

// A copy of a disk at the start of one of another size.
std::shared_ptr<MemoryDisk> CopyTo(Bytes size, const MemoryDisk& original) {
  auto copy = std::make_shared<MemoryDisk>(size, original.sector_size(), 64_KiB);
  std::vector<std::byte> bytes(std::min(size, original.size()));
  original.Read(0, bytes);
  copy->Write(0, bytes);
  return copy;
}

std::shared_ptr<MemoryDisk> Installed(Bytes size, std::uint32_t sector_size = 512) {
  auto disk = std::make_shared<MemoryDisk>(size, sector_size, 64_KiB);
  WritePartitionTable(*disk, PlanFor(*disk));
  return disk;
}

std::string RefusalOf(const BlockDevice& disk, int partition) {
  try {
    InspectTableGrowth(disk, partition);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
    return error.message();
  }
  return {};
}

std::string Sfdisk(const std::string& script, const std::filesystem::path& path, Bytes size) {
  CreateFileDurably(path, {});
  std::filesystem::resize_file(path, size);
  RunTool({.argv = {"sfdisk", "-q", path.string()}, .input = "label: gpt\n" + script});
  return path.string();
}

}  // namespace

TEST_CASE("InspectTableGrowth: a disk as it was installed needs nothing", "[partitions]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto disk = Installed(256_MiB, sector_size);
  const auto growth = InspectTableGrowth(*disk, kState);
  CHECK_FALSE(growth.Needed());
  CHECK(growth.length == PlanFor(*disk).Get(PartitionRole::kState).length);
}

TEST_CASE("GrowPartitionTable: the table is as if it had been planned for the larger disk",
          "[partitions]") {
  const auto sector_size = GENERATE(512U, 4096U);
  // Whole MiB, and an image file of any number of sectors.
  const auto size = GENERATE(300_MiB, 300_MiB + 12_KiB);
  const auto original = Installed(256_MiB, sector_size);
  const auto copy = CopyTo(size, *original);
  const auto plan = PlanFor(*copy);
  const auto growth = InspectTableGrowth(*copy, kState);
  CHECK(growth == TableGrowth{.offset = plan.Get(PartitionRole::kState).offset,
                              .length = PlanFor(*original).Get(PartitionRole::kState).length,
                              .new_length = plan.Get(PartitionRole::kState).length,
                              .in_place = false});
  GrowPartitionTable(*copy, kState);
  const auto fresh = std::make_shared<MemoryDisk>(size, sector_size, 64_KiB);
  WritePartitionTable(*fresh, plan);
  CHECK(ReadPartitionTable(*copy) == ReadPartitionTable(*fresh));
  CHECK_FALSE(InspectTableGrowth(*copy, kState).Needed());
  if (sector_size == 512) {
    CHECK_THAT(Run({"sfdisk", "--verify", copy->name()}).out,
               Catch::Contains("No errors detected"));
  }
}

TEST_CASE("GrowPartitionTable: a few sectors more move the backup alone", "[partitions]") {
  const auto original = Installed(256_MiB);
  const auto copy = CopyTo(256_MiB + 64_KiB, *original);
  const auto growth = InspectTableGrowth(*copy, kState);
  CHECK(growth.new_length == growth.length);
  CHECK(growth.Needed());
  GrowPartitionTable(*copy, kState);
  CHECK(ReadPartitionTable(*copy) == ReadPartitionTable(*original));
  CHECK_FALSE(InspectTableGrowth(*copy, kState).Needed());
}

TEST_CASE("GrowPartitionTable: a damaged backup is written anew", "[partitions]") {
  const auto disk = Installed(256_MiB);
  const auto before = ReadPartitionTable(*disk);
  disk->Write(disk->size() - 512, std::vector<std::byte>(512));
  CHECK(InspectTableGrowth(*disk, kState).Needed());
  GrowPartitionTable(*disk, kState);
  CHECK_FALSE(InspectTableGrowth(*disk, kState).Needed());
  disk->Write(512, std::vector<std::byte>(512));
  CHECK(ReadPartitionTable(*disk) == before);
}

TEST_CASE("GrowPartitionTable: a partition with another behind it stays as it is", "[partitions]") {
  const TempDirectory scratch("ros-growth");
  const auto path = Sfdisk("size=8MiB\nsize=8MiB\n", scratch.path() / "disk", 32_MiB);
  std::filesystem::resize_file(path, 64_MiB);
  const auto disk = OpenBlockDevice(path, DeviceAccess::kWrite);
  const auto growth = InspectTableGrowth(*disk, 1);
  CHECK(growth.new_length == 8_MiB);
  CHECK_FALSE(growth.in_place);
  GrowPartitionTable(*disk, 1);
  const auto table = ReadPartitionTable(*disk);
  REQUIRE(table.partitions.size() == 2);
  CHECK(table.partitions[0].length == 8_MiB);
  CHECK(table.partitions[1].length == 8_MiB);
  CHECK(InspectTableGrowth(*disk, 2).new_length == 64_MiB - 1_MiB - 9_MiB);
}

TEST_CASE("InspectTableGrowth: refuses a table that is not to be trusted", "[partitions]") {
  const auto disk = Installed(256_MiB);
  CHECK_THAT(RefusalOf(*disk, 6), Catch::Contains("has no partition 6"));
  CHECK_THAT(RefusalOf(*CopyTo(200_MiB, *disk), kState),
             Catch::Contains("has a partition table of a form that is not ours"));
  disk->Write(512, std::vector<std::byte>(512));
  CHECK_THAT(RefusalOf(*disk, kState), Catch::Contains("has no sound primary partition table"));
}

}  // namespace ros::partitions
