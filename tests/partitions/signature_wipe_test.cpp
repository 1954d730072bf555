#include "partitions/signature_wipe.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "partitions/partition_table.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

std::string Wipefs(const BlockDevice& disk) {
  return Run({"wipefs", disk.name()}).out;
}

void Wipe(MemoryDisk& disk) {
  WipeSignatures(disk, PlanFor(disk), InspectDisk(disk.name()));
}

void WriteText(BlockDevice& disk, Bytes offset, std::string_view text) {
  disk.Write(offset, AsBytes(text));
}

}  // namespace

TEST_CASE("WipeSignatures: both copies of a GPT and what was in its partitions", "[partitions]") {
  MemoryDisk disk(512_MiB);
  auto plan = PlanFor(disk, 128_MiB);
  WritePartitionTable(disk, plan);
  // In the middle of what will be ROS-BOOT by the new plan.
  const auto old = plan.Get(PartitionRole::kSlotA).offset;
  Run({"mke2fs", "-q", "-F", "-E", "offset=" + std::to_string(old), disk.name(), "8m"});
  REQUIRE_THAT(Wipefs(disk), Catch::Contains("gpt"));
  Wipe(disk);
  CHECK(Wipefs(disk).empty());
  CHECK(InspectDisk(disk.name()).table.type == TableType::kNone);
  CHECK(InspectDisk(disk.name()).signatures.empty());
  CHECK(Run({"blkid", "-p", "-O", std::to_string(old), disk.name()}).out.empty());
}

TEST_CASE("WipeSignatures: a GPT of which only the backup is left", "[partitions]") {
  MemoryDisk disk(512_MiB);
  WritePartitionTable(disk, PlanFor(disk));
  const std::vector<std::byte> zeros(512);
  disk.Write(512, zeros);
  REQUIRE(ReadPartitionTable(disk).type == TableType::kGpt);
  Wipe(disk);
  CHECK(ReadPartitionTable(disk).type == TableType::kNone);
  CHECK(Wipefs(disk).empty());
}

TEST_CASE("WipeSignatures: RAID superblocks at the end of the disk", "[partitions]") {
  MemoryDisk disk(512_MiB, 512, 0);
  // md version 0.90: at the last whole 64 KiB but one; magic 0xa92b4efc, version 0.90.
  std::vector<std::byte> superblock(4096);
  StoreLe32(superblock, 0, 0xa92b4efc);
  StoreLe32(superblock, 8, 90);
  disk.Write(512_MiB - 64_KiB, superblock);
  REQUIRE_THAT(Wipefs(disk), Catch::Contains("linux_raid_member"));
  REQUIRE(InspectDisk(disk.name()).HoldsData());
  Wipe(disk);
  CHECK(Wipefs(disk).empty());
}

TEST_CASE("WipeSignatures: signatures on the whole disk, several over each other", "[partitions]") {
  MemoryDisk disk(512_MiB, 512, 0);
  WriteText(disk, 512, "LABELONE");
  WriteText(disk, 512 + 24, "LVM2 001");
  WriteText(disk, 64_KiB + 64, "_BHRfS_M");
  Wipe(disk);
  CHECK(Wipefs(disk).empty());
  Run({"mke2fs", "-q", "-F", disk.name()});
  REQUIRE(InspectDisk(disk.name()).signatures.front().type == "ext2");
  Wipe(disk);
  CHECK(Wipefs(disk).empty());
}

TEST_CASE("ZeroRegion: zeroes all of its region and nothing else", "[partitions]") {
  auto disk = std::make_shared<MemoryDisk>(8_MiB, 512, 8_MiB);
  ZeroRegion(Region(disk, 512, 3_MiB));
  const auto text = ReadText(Region(disk), 8_MiB);
  CHECK(text.find_first_not_of('\xcc') == 512);
  CHECK(text.find_last_not_of('\xcc') == 512 + 3_MiB - 1);
  CHECK(text.substr(512, 3_MiB) == std::string(3_MiB, '\0'));
}

}  // namespace ros::partitions
