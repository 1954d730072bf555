#include <catch2/catch.hpp>

#include "partitions/partition_table.hpp"
#include "tests/partitions/table_readers.hpp"
#include "tests/support/crashing_device.hpp"

// Power cuts while a table is replaced by one that keeps ROS-STATE.
namespace ros::partitions {
namespace {

using testing::AllCuts;
using testing::CountWrites;
using testing::CrashingDevice;
using testing::MemoryDisk;
using testing::PowerCut;
using testing::PowerSupply;

std::shared_ptr<MemoryDisk> MakeDisk(std::uint32_t sector_size) {
  auto disk = std::make_shared<MemoryDisk>(256_MiB, sector_size, 64_KiB);
  WritePartitionTable(*disk, PlanFor(*disk));
  return disk;
}

LayoutPlan PlanBefore(const BlockDevice& disk) {
  return PlanLayoutBefore(
      PlanFor(disk).Get(PartitionRole::kState),
      {.name = disk.name(), .size = disk.size(), .sector_size = disk.sector_size()},
      {.root_bytes = 1_MiB,
       .slot = 10_MiB,
       .boot = 40_MiB,
       .seed = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a12"});
}

void Replace(const std::shared_ptr<MemoryDisk>& disk, PowerSupply& power) {
  CrashingDevice device(disk, power);
  try {
    ReplacePartitionTable(device, PlanBefore(*disk));
  } catch (const PowerCut&) {
    REQUIRE(power.off());
  }
}

}  // namespace

TEST_CASE("ReplacePartitionTable: after a cut all readers see one table, with ROS-STATE in it",
          "[crash]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto old = SeenIn(PlanFor(*MakeDisk(sector_size)));
  const auto wanted = SeenIn(PlanBefore(*MakeDisk(sector_size)));
  REQUIRE(old.partitions.back() == wanted.partitions.back());
  REQUIRE(old.lengths.back() == wanted.lengths.back());
  REQUIRE(old.lengths.at(1) != wanted.lengths.at(1));
  const auto writes =
      CountWrites([&](PowerSupply& power) { Replace(MakeDisk(sector_size), power); });
  CHECK(writes == 7);  // the last one is the protective MBR
  for (const auto& cut : AllCuts(writes)) {
    INFO("cut at write " << cut.write << ", moment " << static_cast<int>(cut.moment));
    const auto disk = MakeDisk(sector_size);
    PowerSupply power(cut);
    Replace(disk, power);
    REQUIRE(power.off());
    const auto seen = SeenByAll(*disk);
    CHECK((seen == old || seen == wanted));
    PowerSupply steady;
    Replace(disk, steady);
    CHECK(SeenByAll(*disk) == wanted);
    CHECK(ByBackup(*disk) == wanted);
    CHECK(EntriesLba(*disk) == 2);
  }
}

}  // namespace ros::partitions
