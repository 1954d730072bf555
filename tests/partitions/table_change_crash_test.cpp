#include <catch2/catch.hpp>

#include "partitions/table_change.hpp"
#include "tests/partitions/table_readers.hpp"
#include "tests/support/crashing_device.hpp"

// Power cuts while the table of a disk in use is changed.
namespace ros::partitions {
namespace {

using testing::AllCuts;
using testing::CountWrites;
using testing::CrashingDevice;
using testing::CutMoment;
using testing::CutPlan;
using testing::MemoryDisk;
using testing::PowerCut;
using testing::PowerSupply;
using testing::Unsynced;

constexpr Bytes kDisk = 256_MiB;

Seen Wanted(std::string_view seed) {
  Seen seen{.disk = UuidFromSeed(kSeed, std::string(seed) + " disk"),
            .lengths = SeenIn(PlanFor(MemoryDisk(kDisk))).lengths};
  for (const char number : std::string("12345")) {
    seen.partitions.push_back(UuidFromSeed(kSeed, std::string(seed) + number));
  }
  return seen;
}

TableChange ChangeTo(const Seen& wanted) {
  return {.disk_uuid = wanted.disk, .partition_uuids = wanted.partitions};
}

std::shared_ptr<MemoryDisk> MakeDisk(std::uint32_t sector_size) {
  auto disk = std::make_shared<MemoryDisk>(kDisk, sector_size, 64_KiB);
  WritePartitionTable(*disk, PlanFor(*disk));
  return disk;
}

// Runs the change until the power is cut, if it is.
void Change(const std::shared_ptr<MemoryDisk>& disk, PowerSupply& power, const Seen& wanted) {
  CrashingDevice device(disk, power);
  try {
    ChangePartitionTable(device, ChangeTo(wanted));
  } catch (const PowerCut&) {
    REQUIRE(power.off());
  }
}

void CheckEndsWell(const std::shared_ptr<MemoryDisk>& disk) {
  PowerSupply steady;
  const auto last = Wanted("last");
  Change(disk, steady, last);
  CHECK(SeenByAll(*disk) == last);
  CHECK(ByBackup(*disk) == last);
  CHECK(EntriesLba(*disk) == 2);
  if (disk->sector_size() == 512) {
    CHECK_THAT(Run({"sfdisk", "--verify", disk->name()}).out,
               Catch::Contains("No errors detected"));
  }
}

}  // namespace

TEST_CASE("ChangePartitionTable: after a cut all readers see one whole table", "[crash]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto wanted = Wanted("first");
  const auto writes =
      CountWrites([&](PowerSupply& power) { Change(MakeDisk(sector_size), power, wanted); });
  CHECK(writes == 6);
  constexpr std::uint64_t kSwitch = 2;
  for (const auto& cut : AllCuts(writes)) {
    INFO("cut at write " << cut.write << ", moment " << static_cast<int>(cut.moment));
    const auto disk = MakeDisk(sector_size);
    const auto old = SeenIn(PlanFor(*disk));
    PowerSupply power(cut);
    Change(disk, power, wanted);
    REQUIRE(power.off());
    const auto seen = SeenByAll(*disk);
    CHECK((seen == old || seen == wanted));
    if (cut.write != kSwitch) {
      CHECK(seen == (cut.write < kSwitch ? old : wanted));
    }
    const auto backup = ByBackup(*disk);
    CHECK((!backup || backup == old || backup == wanted));
    CheckEndsWell(disk);
  }
}

TEST_CASE("ChangePartitionTable: a table left at the spare place is changed as safely", "[crash]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto middle = Wanted("middle");
  const auto wanted = Wanted("first");
  const auto make = [&] {
    auto disk = MakeDisk(sector_size);
    PowerSupply power(CutPlan{.write = 3, .moment = CutMoment::kDuring});
    Change(disk, power, middle);
    CHECK(EntriesLba(*disk) != 2);
    return disk;
  };
  const auto writes = CountWrites([&](PowerSupply& power) { Change(make(), power, wanted); });
  CHECK(writes == 4);
  for (const auto& cut : AllCuts(writes)) {
    INFO("cut at write " << cut.write << ", moment " << static_cast<int>(cut.moment));
    const auto disk = make();
    PowerSupply power(cut);
    Change(disk, power, wanted);
    REQUIRE(power.off());
    const auto seen = SeenByAll(*disk);
    CHECK((seen == middle || seen == wanted));
    CheckEndsWell(disk);
  }
}

}  // namespace ros::partitions
