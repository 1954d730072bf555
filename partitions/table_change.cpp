#include "partitions/table_change.hpp"

#include <uuid.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/error.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_KiB;
using literals::operator""_MiB;

// UEFI 2.10, table 5.5: the header.
constexpr std::string_view kSignature = "EFI PART";
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kHeaderCrc = 16;
constexpr std::size_t kMyLba = 24;
constexpr std::size_t kAlternateLba = 32;
constexpr std::size_t kFirstUsableLba = 40;
constexpr std::size_t kLastUsableLba = 48;
constexpr std::size_t kDiskGuid = 56;
constexpr std::size_t kEntriesLba = 72;
constexpr std::size_t kEntryCount = 80;
constexpr std::size_t kEntrySize = 84;
constexpr std::size_t kEntriesCrc = 88;
constexpr std::size_t kSmallestHeader = 92;
// Table 5.6: an entry.
constexpr std::size_t kTypeGuid = 0;
constexpr std::size_t kUniqueGuid = 16;
constexpr std::size_t kStartingLba = 32;
constexpr std::size_t kSmallestEntry = 128;

constexpr std::size_t kGuidSize = 16;
constexpr std::uint64_t kPrimaryLba = 1;
constexpr std::uint64_t kUsualEntriesLba = 2;
constexpr Bytes kMaxEntries = 256_KiB;
// The two arrays share no sector of a disk that has larger ones inside than it tells.
constexpr Bytes kAlignment = 4_KiB;

using Guid = std::array<std::byte, kGuidSize>;

// A table in memory: the header's places and CRCs are made right when it is written.
struct Table {
  std::vector<std::byte> header;   // one sector
  std::vector<std::byte> entries;  // whole sectors
  Bytes entries_length = 0;        // what the CRC is over

  [[nodiscard]] std::uint64_t Sectors() const { return entries.size() / header.size(); }

  [[nodiscard]] std::uint64_t Lba(std::size_t field) const { return LoadLe64(header, field); }
};

[[noreturn]] void Refuse(const BlockDevice& disk, const std::string& why) {
  throw Error(ErrorKind::kRefused, disk.name() + " " + why);
}

// CRC-32 of ISO 3309, as UEFI wants it.
std::uint32_t Crc32(ByteSpan bytes) {
  constexpr std::uint32_t kReversed = 0xedb88320;
  std::uint32_t crc = 0xffffffff;
  for (const auto byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kReversed : 0U);
    }
  }
  return ~crc;
}

// Over the header with its own CRC as zero.
std::uint32_t HeaderCrc(std::vector<std::byte> header) {
  StoreLe32(header, kHeaderCrc, 0);
  return Crc32(std::span(header).first(LoadLe32(header, kHeaderSize)));
}

// The first three parts of a GUID are little-endian on disk (UEFI 2.10, appendix A).
Guid GuidOnDisk(const std::string& text) {
  uuid_t uuid;
  if (uuid_parse(text.c_str(), uuid) != 0) {
    throw Error(ErrorKind::kFailed, "'" + text + "' is not a UUID");
  }
  Guid guid{};
  std::ranges::copy(std::as_bytes(std::span(uuid)), guid.begin());
  std::reverse(guid.begin(), guid.begin() + 4);
  std::reverse(guid.begin() + 4, guid.begin() + 6);
  std::reverse(guid.begin() + 6, guid.begin() + 8);
  return guid;
}

bool IsSoundHeader(const std::vector<std::byte>& header) {
  const auto size = LoadLe32(header, kHeaderSize);
  return AsText(header).starts_with(kSignature) && size >= kSmallestHeader &&
         size <= header.size() && LoadLe32(header, kHeaderCrc) == HeaderCrc(header) &&
         LoadLe64(header, kMyLba) == kPrimaryLba;
}

Table ReadPrimary(const BlockDevice& disk) {
  Table table{.header = std::vector<std::byte>(disk.sector_size())};
  disk.Read(kPrimaryLba * disk.sector_size(), table.header);
  const auto lbas = disk.size() / disk.sector_size();
  if (!IsSoundHeader(table.header) || LoadLe32(table.header, kEntrySize) < kSmallestEntry) {
    Refuse(disk, "has no sound primary partition table");
  }
  table.entries_length = CheckedMul(LoadLe32(table.header, kEntryCount),
                                    LoadLe32(table.header, kEntrySize),
                                    "the partition entries");
  if (table.entries_length > kMaxEntries || table.Lba(kEntriesLba) < kUsualEntriesLba ||
      table.Lba(kEntriesLba) >= lbas || table.Lba(kAlternateLba) >= lbas) {
    Refuse(disk, "has a partition table of a form that is not ours");
  }
  table.entries.resize(RoundUp(table.entries_length, disk.sector_size()));
  disk.Read(table.Lba(kEntriesLba) * disk.sector_size(), table.entries);
  if (Crc32(std::span(table.entries).first(table.entries_length)) !=
      LoadLe32(table.header, kEntriesCrc)) {
    Refuse(disk, "has a primary partition table whose entries are damaged");
  }
  return table;
}

void ApplyChange(const BlockDevice& disk, const TableChange& change, Table& table) {
  const auto entry_size = LoadLe32(table.header, kEntrySize);
  std::ranges::copy(GuidOnDisk(change.disk_uuid), table.header.begin() + kDiskGuid);
  for (std::size_t i = 0; i < change.partition_uuids.size(); ++i) {
    const auto number = std::to_string(i + 1);
    if (i >= LoadLe32(table.header, kEntryCount)) {
      Refuse(disk, "has no partition " + number);
    }
    const auto entry = std::span(table.entries).subspan(i * entry_size, kSmallestEntry);
    const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
    if (std::ranges::all_of(entry.subspan(kTypeGuid, kGuidSize), is_zero)) {
      Refuse(disk, "has no partition " + number);
    }
    std::ranges::copy(GuidOnDisk(change.partition_uuids[i]),
                      entry.subspan(kUniqueGuid, kGuidSize).begin());
  }
}

// Where no partition can begin before.
std::uint64_t FirstUsedLba(const BlockDevice& disk, const Table& table) {
  auto first = std::min(table.Lba(kFirstUsableLba), 1_MiB / disk.sector_size());
  const auto entry_size = LoadLe32(table.header, kEntrySize);
  for (std::size_t at = 0; at + kSmallestEntry <= table.entries_length; at += entry_size) {
    if (const auto start = LoadLe64(table.entries, at + kStartingLba); start != 0) {
      first = std::min(first, start);
    }
  }
  return first;
}

std::uint64_t SpareLba(const BlockDevice& disk, const Table& table) {
  const auto sector_size = disk.sector_size();
  const auto end = (kUsualEntriesLba + table.Sectors()) * sector_size;
  const auto spare = RoundUp(end, std::max<Bytes>(kAlignment, sector_size)) / sector_size;
  if (spare + table.Sectors() > FirstUsedLba(disk, table)) {
    Refuse(disk, "has no room for a second copy of its partition entries before its partitions");
  }
  return spare;
}

// A header that says where it is, what it goes with, and that it is sound.
std::vector<std::byte> HeaderFor(const Table& table,
                                 std::uint64_t lba,
                                 std::uint64_t alternate,
                                 std::uint64_t entries) {
  auto header = table.header;
  StoreLe64(header, kMyLba, lba);
  StoreLe64(header, kAlternateLba, alternate);
  StoreLe64(header, kEntriesLba, entries);
  StoreLe32(header, kEntriesCrc, Crc32(std::span(table.entries).first(table.entries_length)));
  StoreLe32(header, kHeaderCrc, HeaderCrc(header));
  return header;
}

void WriteSynced(BlockDevice& disk, std::uint64_t lba, const std::vector<std::byte>& content) {
  const auto offset = lba * disk.sector_size();
  disk.Write(offset, content);
  disk.Sync();
  std::vector<std::byte> written(content.size());
  disk.Read(offset, written);
  if (written != content) {
    throw Error(ErrorKind::kFailed, "the disk returns other bytes than were written");
  }
}

// The entries to a place that the primary header does not name, then the header that does.
void SwitchPrimary(BlockDevice& disk, const Table& table, std::uint64_t entries) {
  WriteSynced(disk, entries, table.entries);
  WriteSynced(disk, kPrimaryLba, HeaderFor(table, kPrimaryLba, table.Lba(kAlternateLba), entries));
}

// Right behind the last usable sector's room: the entries, then the header.
std::uint64_t BackupEntriesLba(const BlockDevice& disk, const Table& table) {
  const auto header = table.Lba(kAlternateLba);
  if (header < table.Sectors() || header - table.Sectors() <= table.Lba(kLastUsableLba)) {
    Refuse(disk, "has no room for the backup of its partition table");
  }
  return header - table.Sectors();
}

bool Overlap(std::uint64_t one, std::uint64_t other, std::uint64_t length) {
  return one < other + length && other < one + length;
}

}  // namespace

void ChangePartitionTable(BlockDevice& disk, const TableChange& change) {
  InContext("changing the partition table of " + disk.name(), [&] {
    auto table = ReadPrimary(disk);
    ApplyChange(disk, change, table);
    const auto spare = SpareLba(disk, table);
    const auto backup_entries = BackupEntriesLba(disk, table);
    const auto current = table.Lba(kEntriesLba);
    const auto free = Overlap(current, spare, table.Sectors()) ? kUsualEntriesLba : spare;
    if (Overlap(current, free, table.Sectors())) {
      Refuse(disk, "has its partition entries at a place that is not ours");
    }
    SwitchPrimary(disk, table, free);
    WriteSynced(disk, backup_entries, table.entries);
    const auto backup = table.Lba(kAlternateLba);
    WriteSynced(disk, backup, HeaderFor(table, backup, kPrimaryLba, backup_entries));
    if (free != kUsualEntriesLba) {
      SwitchPrimary(disk, table, kUsualEntriesLba);
    }
  });
}

}  // namespace ros::partitions
