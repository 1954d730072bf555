#include <algorithm>

#include "fuzz/sealed_gpt.hpp"
#include "fuzz/sparse_disk.hpp"
#include "fuzz/target.hpp"
#include "partitions/gpt.hpp"
#include "partitions/partition_table.hpp"
#include "partitions/table_growth.hpp"

namespace ros::fuzz {
namespace {

using literals::operator""_MiB;
using partitions::PartitionTable;

constexpr Bytes kDiskSize = 128_MiB;
constexpr Bytes kSector = 512;
// Sizes that the disk may have become.
constexpr Bytes kSizes[] = {kDiskSize, 192_MiB, kDiskSize + 34 * kSector, 2_MiB, 512 * kSector};
// Where headers and entries are.
constexpr Bytes kPlaces[] = {
    0, kSector, 2 * kSector, kDiskSize - kSector, kDiskSize - 33 * kSector, 2_MiB};

// Of the input's first byte; what is above them chooses the partition that is to grow.
enum Flags : unsigned { kSealPrimary = 1, kReadTable = 2, kFlagsEnd = 4 };

constexpr int kPartitions = 5;

std::shared_ptr<const SparseDisk> SoundDisk() {
  static const auto kDisk = [] {
    auto disk = std::make_shared<SparseDisk>(kDiskSize);
    partitions::WritePartitionTable(
        *disk,
        partitions::PlanLayout({.name = disk->name(), .size = kDiskSize},
                               {.root_bytes = 1_MiB,
                                .slot = 16_MiB,
                                .boot = 40_MiB,
                                .state_minimum = 16_MiB,
                                .seed = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a11"}));
    return std::shared_ptr<const SparseDisk>(disk);
  }();
  return kDisk;
}

// The input after its flags and size: a place, an offset from there, and the bytes that are there.
std::shared_ptr<SparseDisk> Damaged(Input& input, Bytes size) {
  auto disk = std::make_shared<SparseDisk>(SoundDisk(), size);
  while (!input.empty()) {
    const auto offset = kPlaces[input.Below(std::size(kPlaces), 1)] + input.Number(2);
    const auto bytes = input.Take(input.Number(1));
    if (offset + bytes.size() <= size) {
      disk->Write(offset, bytes);
    }
  }
  return disk;
}

// The partitions that a sound primary has, as [begin, end) in bytes.
std::vector<std::pair<Bytes, Bytes>> Extents(const BlockDevice& disk) {
  const auto gpt = partitions::ReadPrimaryGpt(disk);
  std::vector<std::pair<Bytes, Bytes>> extents;
  for (std::size_t i = 0; i < gpt.EntryCount(); ++i) {
    const auto first = LoadLe64(gpt.Entry(i), partitions::gpt::kStartingLba);
    const auto last = LoadLe64(gpt.Entry(i), partitions::gpt::kEndingLba);
    if (gpt.Has(i) && first <= last && last < disk.size() / kSector) {
      extents.emplace_back(first * kSector, (last + 1) * kSector);
    }
  }
  return extents;
}

void CheckGrowth(const std::shared_ptr<SparseDisk>& damaged, int partition) {
  const auto growth = partitions::InspectTableGrowth(*damaged, partition);
  Expect(growth.new_length >= growth.length, "a partition does not shrink");
  Expect(growth.offset <= damaged->size() && growth.new_length <= damaged->size() - growth.offset,
         "a partition stays on its disk");
  const auto extents = Extents(*damaged);
  SparseDisk disk(damaged, damaged->size());
  if (!Succeeds([&] { partitions::GrowPartitionTable(disk, partition); })) {
    Expect(disk.writes().empty(), "what is refused writes nothing");
    return;
  }
  for (const auto& [offset, length] : disk.writes()) {
    for (const auto& [begin, end] : extents) {
      Expect(offset + length <= begin || offset >= end, "no partition's content is written to");
    }
  }
  const auto after = partitions::InspectTableGrowth(disk, partition);
  Expect(!after.Needed(), "it is done once");
  Expect(after.offset == growth.offset && after.length == growth.new_length,
         "the partition is as it was said");
}

}  // namespace

void Run(ByteSpan bytes) {
  Input input(bytes);
  const auto flags = input.Number(1);
  const auto disk = Damaged(input, kSizes[input.Below(std::size(kSizes), 1)]);
  if ((flags & kSealPrimary) != 0) {
    SealPrimaryGpt(*disk);
  }
  const auto partition = kPartitions - static_cast<int>(flags / kFlagsEnd % kPartitions);
  static_cast<void>(Succeeds([&] { CheckGrowth(disk, partition); }));
  if ((flags & kReadTable) != 0) {
    for (const auto& found : partitions::ReadPartitionTable(*disk).partitions) {
      Expect(found.number > 0, "partitions count from 1");
    }
  }
}

std::vector<Seed> Seeds() {
  const auto head = [](unsigned flags, unsigned size) {
    return Number(flags, 1) + Number(size, 1);
  };
  const auto damage = [](std::uint64_t place, std::uint64_t offset, std::string_view bytes) {
    return Number(place, 1) + Number(offset, 2) + Number(bytes.size(), 1) + std::string(bytes);
  };
  const unsigned both = kSealPrimary | kReadTable;
  return {{"sound", head(both, 0)},
          {"larger", head(both, 1)},
          {"little-larger", head(both, 2)},
          {"smaller", head(both, 3)},
          {"damaged-primary", head(kReadTable, 0) + damage(1, 30, "?")},
          {"last-usable", head(both, 1) + damage(1, 48, Number(~std::uint64_t{0}, 8))},
          {"entry-count", head(both, 1) + damage(1, 80, Number(200, 4))},
          {"entry", head(both, 1) + damage(2, 4 * 128 + 40, Number(260'000, 8))}};
}

}  // namespace ros::fuzz
