#pragma once

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <optional>

#include "partitions/partition_table.hpp"
#include "tests/partitions/disk_fixture.hpp"

// The table of a disk as each of those who read it when a machine starts takes it.
namespace ros::partitions {

// What one reader of a table sees.
struct Seen {
  std::string disk;                     // UUID
  std::vector<std::string> partitions;  // UUIDs
  std::vector<Bytes> lengths;           // of the partitions

  bool operator==(const Seen&) const = default;
};

// What all should see after the plan was written.
inline Seen SeenIn(const LayoutPlan& plan) {
  Seen seen{.disk = plan.disk_uuid};
  for (const auto& partition : plan.partitions) {
    seen.partitions.push_back(partition.uuid);
    seen.lengths.push_back(partition.length);
  }
  return seen;
}

// libblkid: checks, and goes by the backup when the primary is damaged.
inline std::optional<Seen> ByLibblkid(const BlockDevice& disk) {
  const auto table = ReadPartitionTable(disk);
  if (table.type != TableType::kGpt) {
    return std::nullopt;
  }
  Seen seen{.disk = table.uuid};
  for (const auto& partition : table.partitions) {
    seen.partitions.push_back(partition.uuid);
    seen.lengths.push_back(partition.length);
  }
  return seen;
}

// With a range of the disk in ruins for as long as it is read.
inline std::optional<Seen> WithRuins(BlockDevice& disk, Bytes offset, Bytes length) {
  std::vector<std::byte> kept(length);
  disk.Read(offset, kept);
  disk.Write(offset, std::vector<std::byte>(length, std::byte{0x55}));
  auto seen = ByLibblkid(disk);
  disk.Write(offset, kept);
  return seen;
}

// The kernel: the primary, checked, or nothing.
inline std::optional<Seen> ByKernel(BlockDevice& disk) {
  return WithRuins(disk, disk.size() - 64_KiB, 64_KiB);
}

inline std::optional<Seen> ByBackup(BlockDevice& disk) {
  return WithRuins(disk, disk.sector_size(), disk.sector_size());
}

// The first three parts of a GUID are little-endian on disk.
inline std::string GuidText(ByteSpan guid) {
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
inline Seen ByGrub(const BlockDevice& disk) {
  std::vector<std::byte> header(disk.sector_size());
  disk.Read(disk.sector_size(), header);
  Seen seen{.disk = GuidText(std::span(header).subspan(56))};
  const auto size = LoadLe32(header, 84);
  for (std::uint64_t i = 0; i < LoadLe32(header, 80); ++i) {
    std::vector<std::byte> entry(size);
    disk.Read(LoadLe64(header, 72) * disk.sector_size() + i * size, entry);
    if (ToHex(std::span(entry).first(16)) != std::string(32, '0')) {
      seen.partitions.push_back(GuidText(std::span(entry).subspan(16)));
      const auto sectors = LoadLe64(entry, 40) - LoadLe64(entry, 32) + 1;
      seen.lengths.push_back(sectors * disk.sector_size());
    }
  }
  return seen;
}

// libfdisk, which knows sectors of 512 bytes in a file.
inline void CheckLibfdisk(const BlockDevice& disk, const Seen& expected) {
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
inline Seen SeenByAll(BlockDevice& disk) {
  auto seen = ByGrub(disk);
  CHECK(ByKernel(disk) == seen);
  CHECK(ByLibblkid(disk) == seen);
  CheckLibfdisk(disk, seen);
  return seen;
}

inline std::uint64_t EntriesLba(const BlockDevice& disk) {
  std::vector<std::byte> header(disk.sector_size());
  disk.Read(disk.sector_size(), header);
  return LoadLe64(header, 72);
}

}  // namespace ros::partitions
