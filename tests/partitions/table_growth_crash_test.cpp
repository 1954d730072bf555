#include <catch2/catch.hpp>

#include "partitions/table_growth.hpp"
#include "tests/partitions/table_readers.hpp"
#include "tests/support/crashing_device.hpp"

// Power cuts while the table of a disk that has become larger is moved and grown.
namespace ros::partitions {
namespace {

using testing::AllCuts;
using testing::CountWrites;
using testing::CrashingDevice;
using testing::MemoryDisk;
using testing::PowerCut;
using testing::PowerSupply;

constexpr int kState = 5;
constexpr Bytes kSmall = 256_MiB;
constexpr Bytes kLarge = 300_MiB;

std::shared_ptr<MemoryDisk> MakeDisk(Bytes size, std::uint32_t sector_size) {
  auto disk = std::make_shared<MemoryDisk>(size, sector_size, 64_KiB);
  WritePartitionTable(*disk, PlanFor(*disk));
  return disk;
}

// A disk that had a table of its own, until a copy of a smaller one was written over its start.
std::shared_ptr<MemoryDisk> MakeCopy(const MemoryDisk& original) {
  auto disk = MakeDisk(kLarge, original.sector_size());
  std::vector<std::byte> piece(2_MiB);
  for (const Bytes at : {Bytes{0}, kSmall - piece.size()}) {
    original.Read(at, piece);
    disk->Write(at, piece);
  }
  return disk;
}

void Grow(const std::shared_ptr<MemoryDisk>& disk, PowerSupply& power) {
  CrashingDevice device(disk, power);
  try {
    GrowPartitionTable(device, kState);
  } catch (const PowerCut&) {
    REQUIRE(power.off());
  }
}

}  // namespace

TEST_CASE("GrowPartitionTable: after a cut all readers see one whole table, and it is finished",
          "[crash]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto original = MakeDisk(kSmall, sector_size);
  auto old = SeenIn(PlanFor(*original));
  auto grown = old;
  grown.lengths.back() += kLarge - kSmall;
  const auto writes = CountWrites([&](PowerSupply& power) { Grow(MakeCopy(*original), power); });
  CHECK(writes == 6);
  constexpr std::uint64_t kSwitch = 2;
  for (const auto& cut : AllCuts(writes)) {
    INFO("cut at write " << cut.write << ", moment " << static_cast<int>(cut.moment));
    const auto disk = MakeCopy(*original);
    PowerSupply power(cut);
    Grow(disk, power);
    REQUIRE(power.off());
    const auto seen = SeenByAll(*disk);
    CHECK((seen == old || seen == grown));
    if (cut.write != kSwitch) {
      CHECK(seen == (cut.write < kSwitch ? old : grown));
    }
    PowerSupply steady;
    Grow(disk, steady);
    CHECK_FALSE(InspectTableGrowth(*disk, kState).Needed());
    CHECK(SeenByAll(*disk) == grown);
    CHECK(ByBackup(*disk) == grown);
    CHECK(EntriesLba(*disk) == 2);
    PowerSupply idle;
    Grow(disk, idle);
    CHECK(idle.writes() == 0);
  }
}

}  // namespace ros::partitions
