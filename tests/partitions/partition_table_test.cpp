#include "partitions/partition_table.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

void CheckMatches(const PartitionTable& table, const LayoutPlan& plan) {
  CHECK(table.type == TableType::kGpt);
  CHECK(table.uuid == plan.disk_uuid);
  REQUIRE(table.partitions.size() == plan.partitions.size());
  for (const auto& planned : plan.partitions) {
    const auto& found =
        table.partitions[static_cast<std::size_t>(PartitionNumber(planned.role) - 1)];
    CHECK(found.number == PartitionNumber(planned.role));
    CHECK(found.name == PartitionName(planned.role));
    CHECK(found.type == PartitionType(planned.role));
    CHECK(found.uuid == planned.uuid);
    CHECK(found.offset == planned.offset);
    CHECK(found.length == planned.length);
  }
}

void Wreck(BlockDevice& disk, Bytes offset) {
  const std::vector<std::byte> wreck(disk.sector_size(), std::byte{0x55});
  disk.Write(offset, wreck);
}

}  // namespace

TEST_CASE("WritePartitionTable: what was planned reads back", "[partitions]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto size = GENERATE(1_GiB, 2048_GiB * 4 + 1_MiB);
  MemoryDisk disk(size, sector_size);
  const auto plan = PlanFor(disk);
  WritePartitionTable(disk, plan);
  CheckMatches(ReadPartitionTable(disk), plan);
}

TEST_CASE("WritePartitionTable: other tools read it", "[partitions]") {
  MemoryDisk disk(1_GiB);
  const auto plan = PlanFor(disk);
  WritePartitionTable(disk, plan);
  const auto verify = Run({"sfdisk", "--verify", disk.name()});
  CHECK(verify.exit_code == 0);
  CHECK_THAT(verify.out, Catch::Contains("No errors detected"));
  const auto dump = Run({"sfdisk", "-d", disk.name()}).out;
  CHECK_THAT(dump, Catch::Contains("label: gpt"));
  CHECK_THAT(dump, Catch::Contains("name=\"ROS-BIOS\""));
  CHECK_THAT(dump, Catch::Contains("name=\"ROS-A\", attrs=\"GUID:60,63\""));
  CHECK_THAT(dump, Catch::Contains("name=\"ROS-STATE\", attrs=\"GUID:63\""));
}

TEST_CASE("WritePartitionTable: marks the boot partition for a BIOS's boot code", "[partitions]") {
  MemoryDisk disk(1_GiB);
  auto plan = PlanFor(disk);
  plan.legacy_boot = true;
  WritePartitionTable(disk, plan);
  const auto dump = Run({"sfdisk", "-d", disk.name()}).out;
  CHECK_THAT(dump, Catch::Contains("name=\"ROS-BOOT\", attrs=\"LegacyBIOSBootable GUID:63\""));
}

TEST_CASE("WritePartitionTable: touches only the tables and keeps the boot code", "[partitions]") {
  MemoryDisk disk(1_GiB);
  WritePartitionTable(disk, PlanFor(disk));
  std::vector<std::byte> bytes(1_MiB);
  disk.Read(0, bytes);
  const auto is_stale = [](std::byte byte) { return byte == std::byte{0xcc}; };
  CHECK(std::all_of(bytes.begin(), bytes.begin() + 440, is_stale));
  CHECK(std::all_of(bytes.begin() + 34 * 512, bytes.end(), is_stale));
  disk.Read(1_GiB - 1_MiB, bytes);
  CHECK(std::all_of(bytes.begin(), bytes.end() - 33 * 512, is_stale));
}

TEST_CASE("ReadPartitionTable: reads the backup when the primary is damaged", "[partitions]") {
  const auto sector_size = GENERATE(512U, 4096U);
  MemoryDisk disk(1_GiB, sector_size);
  const auto plan = PlanFor(disk);
  WritePartitionTable(disk, plan);
  const auto damaged = GENERATE(1U, 2U);
  Wreck(disk, Bytes{sector_size} * damaged);
  CheckMatches(ReadPartitionTable(disk), plan);
}

TEST_CASE("ReadPartitionTable: none, and one with both copies damaged", "[partitions]") {
  MemoryDisk disk(256_MiB);
  CHECK(ReadPartitionTable(disk) == PartitionTable{});
  WritePartitionTable(disk, PlanFor(disk));
  Wreck(disk, 512);
  Wreck(disk, disk.size() - 512);
  CHECK(ReadPartitionTable(disk).partitions.empty());
  MemoryDisk tiny(4096);
  CHECK(ReadPartitionTable(tiny).type == TableType::kNone);
}

TEST_CASE("WritePartitionTable: refuses a plan for another disk", "[partitions]") {
  MemoryDisk disk(1_GiB);
  const auto plan = PlanFor(disk);
  MemoryDisk other(2_GiB);
  CHECK_THROWS_AS(WritePartitionTable(other, plan), Error);
  MemoryDisk large_sectors(1_GiB, 4096);
  CHECK_THROWS_AS(WritePartitionTable(large_sectors, plan), Error);
}

TEST_CASE("RereadPartitionTable: a file has no nodes to update", "[partitions]") {
  MemoryDisk disk(16_MiB);
  CHECK(RereadPartitionTable(disk.name()) == KernelTable::kReread);
}

}  // namespace ros::partitions
