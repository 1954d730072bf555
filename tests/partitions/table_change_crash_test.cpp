#include <array>
#include <catch2/catch.hpp>
#include <optional>

#include "base/error.hpp"
#include "partitions/partition_table.hpp"
#include "partitions/table_change.hpp"
#include "tests/partitions/disk_fixture.hpp"
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

// The UUIDs that one reader of a table sees.
struct Seen {
  std::string disk;
  std::vector<std::string> partitions;

  bool operator==(const Seen&) const = default;
};

Seen SeenIn(const LayoutPlan& plan) {
  Seen seen{.disk = plan.disk_uuid};
  for (const auto& partition : plan.partitions) {
    seen.partitions.push_back(partition.uuid);
  }
  return seen;
}

Seen Wanted(std::string_view seed) {
  Seen seen{.disk = UuidFromSeed(kSeed, std::string(seed) + " disk")};
  for (const char number : std::string("12345")) {
    seen.partitions.push_back(UuidFromSeed(kSeed, std::string(seed) + number));
  }
  return seen;
}

TableChange ChangeTo(const Seen& wanted) {
  return {.disk_uuid = wanted.disk, .partition_uuids = wanted.partitions};
}

// libblkid: checks, and goes by the backup when the primary is damaged.
std::optional<Seen> ByLibblkid(const BlockDevice& disk) {
  const auto table = ReadPartitionTable(disk);
  if (table.type != TableType::kGpt) {
    return std::nullopt;
  }
  Seen seen{.disk = table.uuid};
  for (const auto& partition : table.partitions) {
    seen.partitions.push_back(partition.uuid);
  }
  return seen;
}

// With a range of the disk in ruins for as long as it is read.
std::optional<Seen> WithRuins(BlockDevice& disk, Bytes offset, Bytes length) {
  std::vector<std::byte> kept(length);
  disk.Read(offset, kept);
  disk.Write(offset, std::vector<std::byte>(length, std::byte{0x55}));
  auto seen = ByLibblkid(disk);
  disk.Write(offset, kept);
  return seen;
}

// The kernel: the primary, checked, or nothing.
std::optional<Seen> ByKernel(BlockDevice& disk) {
  return WithRuins(disk, disk.size() - 64_KiB, 64_KiB);
}

std::optional<Seen> ByBackup(BlockDevice& disk) {
  return WithRuins(disk, disk.sector_size(), disk.sector_size());
}

// The first three parts of a GUID are little-endian on disk.
std::string GuidText(ByteSpan guid) {
  constexpr std::array<std::size_t, 16> kOrder = {
      3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  std::string text;
  for (const auto at : kOrder) {
    text += ToHex(guid.subspan(at, 1));
    if (at == 0 || at == 4 || at == 6 || at == 9) {
      text += "-";
    }
  }
  return text;
}

// GRUB 2.06 (partmap/gpt.c): the primary header, the entries that it names, no checksum.
Seen ByGrub(const BlockDevice& disk) {
  std::vector<std::byte> header(disk.sector_size());
  disk.Read(disk.sector_size(), header);
  Seen seen{.disk = GuidText(std::span(header).subspan(56))};
  const auto size = LoadLe32(header, 84);
  for (std::uint64_t i = 0; i < LoadLe32(header, 80); ++i) {
    std::vector<std::byte> entry(size);
    disk.Read(LoadLe64(header, 72) * disk.sector_size() + i * size, entry);
    if (ToHex(std::span(entry).first(16)) != std::string(32, '0')) {
      seen.partitions.push_back(GuidText(std::span(entry).subspan(16)));
    }
  }
  return seen;
}

// libfdisk, which knows sectors of 512 bytes in a file.
void CheckLibfdisk(const BlockDevice& disk, const Seen& expected) {
  if (disk.sector_size() != 512) {
    return;
  }
  auto dump = Run({"sfdisk", "-d", disk.name()}).out;
  std::ranges::transform(dump, dump.begin(), [](unsigned char c) { return std::tolower(c); });
  CHECK_THAT(dump, Catch::Contains("label-id: " + expected.disk));
  for (const auto& uuid : expected.partitions) {
    CHECK_THAT(dump, Catch::Contains("uuid=" + uuid));
  }
}

// What all who would start the machine see, which must be one thing.
Seen SeenByAll(BlockDevice& disk) {
  auto seen = ByGrub(disk);
  CHECK(ByKernel(disk) == seen);
  CHECK(ByLibblkid(disk) == seen);
  CheckLibfdisk(disk, seen);
  return seen;
}

std::uint64_t EntriesLba(const BlockDevice& disk) {
  std::vector<std::byte> header(disk.sector_size());
  disk.Read(disk.sector_size(), header);
  return LoadLe64(header, 72);
}

std::shared_ptr<MemoryDisk> MakeDisk(std::uint32_t sector_size) {
  auto disk = std::make_shared<MemoryDisk>(256_MiB, sector_size, 64_KiB);
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
