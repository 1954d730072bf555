#include "partitions/table_growth.hpp"

#include <algorithm>
#include <cstdint>

#include "base/error.hpp"
#include "partitions/gpt.hpp"
#include "partitions/layout_plan.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_MiB;

// As in layout_plan.cpp: partitions end at whole MiB, the last one of the disk is left alone.

struct Place {
  std::uint64_t start = 0;
  std::uint64_t end = 0;  // the first sector behind
};

Place PlaceOf(const BlockDevice& disk, const Gpt& gpt, std::size_t index) {
  const Place place{LoadLe64(gpt.Entry(index), gpt::kStartingLba),
                    LoadLe64(gpt.Entry(index), gpt::kEndingLba) + 1};
  if (place.start >= place.end || place.end > disk.size() / disk.sector_size()) {
    RefuseTable(disk, "has a partition " + std::to_string(index + 1) + " that is none");
  }
  return place;
}

bool IsLast(const BlockDevice& disk, const Gpt& gpt, std::size_t index) {
  const auto place = PlaceOf(disk, gpt, index);
  for (std::size_t i = 0; i < gpt.EntryCount(); ++i) {
    if (i != index && gpt.Has(i) && PlaceOf(disk, gpt, i).end > place.start) {
      return false;
    }
  }
  return true;
}

// The first sector behind what a partition may grow to; 0 on a disk without room for anything.
std::uint64_t EndOfRoom(const BlockDevice& disk, const Gpt& gpt) {
  const auto whole = RoundDown(disk.size(), kPartitionAlignment);
  const auto room =
      whole < kPartitionAlignment ? 0 : (whole - kPartitionAlignment) / disk.sector_size();
  const auto last_usable = gpt.Lba(gpt::kLastUsableLba);
  return last_usable < room ? last_usable + 1 : room;
}

// The table that the disk should have.
struct Wanted {
  Gpt gpt;
  TableGrowth growth;
};

void MoveBackupToEnd(const BlockDevice& disk, Gpt& gpt) {
  const auto last = disk.size() / disk.sector_size() - 1;
  if (gpt.Lba(gpt::kAlternateLba) != last) {
    StoreLe64(gpt.header, gpt::kAlternateLba, last);
    StoreLe64(gpt.header, gpt::kLastUsableLba, last - gpt.Sectors() - 1);
  }
}

Wanted MakeWanted(const BlockDevice& disk, int partition) {
  Wanted wanted{.gpt = ReadPrimaryGpt(disk)};
  auto& gpt = wanted.gpt;
  const auto index = static_cast<std::size_t>(partition - 1);
  if (!gpt.Has(index)) {
    RefuseTable(disk, "has no partition " + std::to_string(partition));
  }
  MoveBackupToEnd(disk, gpt);
  const auto sector = disk.sector_size();
  const auto place = PlaceOf(disk, gpt, index);
  const auto end = EndOfRoom(disk, gpt);
  wanted.growth.offset = place.start * sector;
  wanted.growth.length = (place.end - place.start) * sector;
  wanted.growth.new_length = wanted.growth.length;
  if (end >= place.end + kPartitionAlignment / sector && IsLast(disk, gpt, index)) {
    StoreLe64(gpt.Entry(index), gpt::kEndingLba, end - 1);
    wanted.growth.new_length = (end - place.start) * sector;
  }
  wanted.growth.in_place = IsInPlace(disk, gpt);
  return wanted;
}

}  // namespace

TableGrowth InspectTableGrowth(const BlockDevice& disk, int partition) {
  return InContext("reading the partition table of " + disk.name(),
                   [&] { return MakeWanted(disk, partition).growth; });
}

void GrowPartitionTable(BlockDevice& disk, int partition) {
  InContext("growing the partition table of " + disk.name(), [&] {
    const auto wanted = MakeWanted(disk, partition);
    if (wanted.growth.Needed()) {
      ReplaceGpt(disk, wanted.gpt);
    }
  });
}

}  // namespace ros::partitions
