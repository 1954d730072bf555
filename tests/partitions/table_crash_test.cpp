#include <catch2/catch.hpp>

#include "partitions/partition_table.hpp"
#include "partitions/signature_wipe.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/support/crashing_device.hpp"

// Power cuts while a disk gets a new table.
namespace ros::partitions {
namespace {

using testing::AllCuts;
using testing::CountWrites;
using testing::CrashingDevice;
using testing::MemoryDisk;
using testing::PowerCut;
using testing::PowerSupply;

// libblkid reads a GPT from its backup too.
bool HasWholeTable(const BlockDevice& disk, const LayoutPlan& plan) {
  const auto table = ReadPartitionTable(disk);
  return table.uuid == plan.disk_uuid && table.partitions.size() == plan.partitions.size();
}

// Runs `work` and returns whether it came to its end.
template <typename Work>
bool Survives(Work work) {
  try {
    work();
    return true;
  } catch (const PowerCut&) {
    return false;
  }
}

}  // namespace

TEST_CASE("WritePartitionTable: after a cut there is no table or a whole one", "[crash]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto run = [&](PowerSupply& power, const std::shared_ptr<MemoryDisk>& disk) {
    CrashingDevice device(disk, power);
    return Survives([&] { WritePartitionTable(device, PlanFor(*disk)); });
  };
  const auto make = [&] { return std::make_shared<MemoryDisk>(512_MiB, sector_size, 64_KiB); };
  const auto writes = CountWrites([&](PowerSupply& power) { run(power, make()); });
  CHECK(writes == 5);
  // Two for the backup, the primary's entries, the MBR (from there on the backup is found), the
  // primary's header.
  constexpr std::uint64_t kMbr = 4;
  for (const auto& cut : AllCuts(writes)) {
    auto disk = make();
    PowerSupply power(cut);
    REQUIRE_FALSE(run(power, disk));
    const auto plan = PlanFor(*disk);
    const auto table = ReadPartitionTable(*disk);
    INFO("cut at write " << cut.write);
    CHECK((table.type == TableType::kNone || HasWholeTable(*disk, plan)));
    if (cut.write < kMbr) {
      CHECK(table.type == TableType::kNone);
    }
    if (cut.write > kMbr) {
      CHECK(HasWholeTable(*disk, plan));
    }
  }
}

TEST_CASE("WipeSignatures: a cut leaves the old table whole or none, and a second run ends it",
          "[crash]") {
  const auto make = [] {
    auto disk = std::make_shared<MemoryDisk>(512_MiB, 512, 64_KiB);
    WritePartitionTable(*disk, PlanFor(*disk, 128_MiB));
    return disk;
  };
  const auto run = [](PowerSupply& power, const std::shared_ptr<MemoryDisk>& disk) {
    CrashingDevice device(disk, power);
    const auto facts = InspectDisk(disk->name());
    return Survives([&] { WipeSignatures(device, PlanFor(*disk), facts); });
  };
  const auto writes = CountWrites([&](PowerSupply& power) { run(power, make()); });
  REQUIRE(writes > 3);
  for (const auto& cut : AllCuts(writes)) {
    auto disk = make();
    PowerSupply power(cut);
    REQUIRE_FALSE(run(power, disk));
    const auto table = ReadPartitionTable(*disk);
    INFO("cut at write " << cut.write);
    CHECK((table.partitions.empty() || HasWholeTable(*disk, PlanFor(*disk, 128_MiB))));
    PowerSupply steady;
    CHECK(run(steady, disk));
    CHECK_FALSE(InspectDisk(disk->name()).HoldsData());
  }
}

}  // namespace ros::partitions
