#include "partitions/gpt.hpp"

#include <algorithm>

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
constexpr std::size_t kEntriesCrc = 88;
constexpr std::size_t kSmallestHeader = 92;

constexpr std::uint64_t kPrimaryLba = 1;
constexpr std::uint64_t kUsualEntriesLba = 2;
constexpr Bytes kMaxEntries = 256_KiB;
// The two arrays share no sector of a disk that has larger ones inside than it tells.
constexpr Bytes kEntryAlignment = 4_KiB;

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

bool IsSoundHeader(const std::vector<std::byte>& header) {
  const auto size = LoadLe32(header, kHeaderSize);
  return AsText(header).starts_with(kSignature) && size >= kSmallestHeader &&
         size <= header.size() && LoadLe32(header, kHeaderCrc) == HeaderCrc(header) &&
         LoadLe64(header, kMyLba) == kPrimaryLba;
}

std::uint32_t EntriesCrc(const Gpt& gpt) {
  return Crc32(std::span(gpt.entries).first(gpt.entries_length));
}

std::vector<std::byte> ReadSectors(const BlockDevice& disk, std::uint64_t lba, Bytes length) {
  std::vector<std::byte> content(length);
  disk.Read(lba * disk.sector_size(), content);
  return content;
}

// Where no partition can begin before.
std::uint64_t FirstUsedLba(const BlockDevice& disk, const Gpt& gpt) {
  auto first = std::min(gpt.Lba(gpt::kFirstUsableLba), 1_MiB / disk.sector_size());
  for (std::size_t i = 0; i < gpt.EntryCount(); ++i) {
    if (const auto start = LoadLe64(gpt.Entry(i), gpt::kStartingLba); start != 0) {
      first = std::min(first, start);
    }
  }
  return first;
}

std::uint64_t SpareLba(const BlockDevice& disk, const Gpt& now, const Gpt& wanted) {
  const auto sector_size = disk.sector_size();
  const auto sectors = std::max(now.Sectors(), wanted.Sectors());
  const auto end = (kUsualEntriesLba + sectors) * sector_size;
  const auto spare = RoundUp(end, std::max<Bytes>(kEntryAlignment, sector_size)) / sector_size;
  if (spare + sectors > std::min(FirstUsedLba(disk, now), FirstUsedLba(disk, wanted))) {
    RefuseTable(disk,
                "has no room for a second copy of its partition entries before its partitions");
  }
  return spare;
}

// A header that says where it is, what it goes with, and that it is sound.
std::vector<std::byte> HeaderFor(const Gpt& gpt,
                                 std::uint64_t lba,
                                 std::uint64_t alternate,
                                 std::uint64_t entries) {
  auto header = gpt.header;
  StoreLe64(header, kMyLba, lba);
  StoreLe64(header, gpt::kAlternateLba, alternate);
  StoreLe64(header, gpt::kEntriesLba, entries);
  StoreLe32(header, kEntriesCrc, EntriesCrc(gpt));
  StoreLe32(header, kHeaderCrc, HeaderCrc(header));
  return header;
}

std::vector<std::byte> PrimaryHeader(const Gpt& gpt, std::uint64_t entries) {
  return HeaderFor(gpt, kPrimaryLba, gpt.Lba(gpt::kAlternateLba), entries);
}

std::vector<std::byte> BackupHeader(const Gpt& gpt, std::uint64_t entries) {
  return HeaderFor(gpt, gpt.Lba(gpt::kAlternateLba), kPrimaryLba, entries);
}

void WriteSynced(BlockDevice& disk, std::uint64_t lba, const std::vector<std::byte>& content) {
  disk.Write(lba * disk.sector_size(), content);
  disk.Sync();
  if (ReadSectors(disk, lba, content.size()) != content) {
    throw Error(ErrorKind::kFailed, "the disk returns other bytes than were written");
  }
}

// The entries to a place that the primary header does not name, then the header that does.
void SwitchPrimary(BlockDevice& disk, const Gpt& gpt, std::uint64_t entries) {
  WriteSynced(disk, entries, gpt.entries);
  WriteSynced(disk, kPrimaryLba, PrimaryHeader(gpt, entries));
}

// Right behind the last usable sector's room: the entries, then the header. 0 when there is none.
std::uint64_t BackupEntriesLba(const BlockDevice& disk, const Gpt& gpt) {
  const auto header = gpt.Lba(gpt::kAlternateLba);
  const bool room = header < disk.size() / disk.sector_size() && header >= gpt.Sectors() &&
                    header - gpt.Sectors() > gpt.Lba(gpt::kLastUsableLba);
  return room ? header - gpt.Sectors() : 0;
}

bool Overlap(std::uint64_t one, std::uint64_t other, std::uint64_t length) {
  return one < other + length && other < one + length;
}

}  // namespace

void RefuseTable(const BlockDevice& disk, const std::string& why) {
  throw Error(ErrorKind::kRefused, disk.name() + " " + why);
}

std::size_t Gpt::EntryCount() const {
  return LoadLe32(header, gpt::kEntryCount);
}

ByteSpan Gpt::Entry(std::size_t index) const {
  return std::span(entries).subspan(index * LoadLe32(header, gpt::kEntrySize), gpt::kSmallestEntry);
}

MutableByteSpan Gpt::Entry(std::size_t index) {
  return std::span(entries).subspan(index * LoadLe32(header, gpt::kEntrySize), gpt::kSmallestEntry);
}

bool Gpt::Has(std::size_t index) const {
  return index < EntryCount() &&
         std::ranges::any_of(Entry(index).subspan(gpt::kTypeGuid, gpt::kGuidSize),
                             [](std::byte byte) { return byte != std::byte{0}; });
}

Gpt ReadPrimaryGpt(const BlockDevice& disk) {
  Gpt gpt{.header = ReadSectors(disk, kPrimaryLba, disk.sector_size())};
  const auto lbas = disk.size() / disk.sector_size();
  if (!IsSoundHeader(gpt.header) || LoadLe32(gpt.header, gpt::kEntrySize) < gpt::kSmallestEntry) {
    RefuseTable(disk, "has no sound primary partition table");
  }
  gpt.entries_length =
      CheckedMul(gpt.EntryCount(), LoadLe32(gpt.header, gpt::kEntrySize), "the partition entries");
  if (gpt.entries_length > kMaxEntries || gpt.Lba(gpt::kEntriesLba) < kUsualEntriesLba ||
      gpt.Lba(gpt::kEntriesLba) >= lbas || gpt.Lba(gpt::kAlternateLba) >= lbas) {
    RefuseTable(disk, "has a partition table of a form that is not ours");
  }
  gpt.entries =
      ReadSectors(disk, gpt.Lba(gpt::kEntriesLba), RoundUp(gpt.entries_length, disk.sector_size()));
  if (EntriesCrc(gpt) != LoadLe32(gpt.header, kEntriesCrc)) {
    RefuseTable(disk, "has a primary partition table whose entries are damaged");
  }
  return gpt;
}

bool IsInPlace(const BlockDevice& disk, const Gpt& gpt) {
  const auto backup_entries = BackupEntriesLba(disk, gpt);
  const auto sector = disk.sector_size();
  return backup_entries != 0 &&
         ReadSectors(disk, kPrimaryLba, sector) == PrimaryHeader(gpt, kUsualEntriesLba) &&
         ReadSectors(disk, kUsualEntriesLba, gpt.entries.size()) == gpt.entries &&
         ReadSectors(disk, gpt.Lba(gpt::kAlternateLba), sector) ==
             BackupHeader(gpt, backup_entries) &&
         ReadSectors(disk, backup_entries, gpt.entries.size()) == gpt.entries;
}

void ReplaceGpt(BlockDevice& disk, const Gpt& gpt) {
  const auto now = ReadPrimaryGpt(disk);
  const auto spare = SpareLba(disk, now, gpt);
  const auto backup_entries = BackupEntriesLba(disk, gpt);
  if (backup_entries == 0) {
    RefuseTable(disk, "has no room for the backup of its partition table");
  }
  const auto current = now.Lba(gpt::kEntriesLba);
  const auto sectors = std::max(now.Sectors(), gpt.Sectors());
  const auto free = Overlap(current, spare, sectors) ? kUsualEntriesLba : spare;
  if (Overlap(current, free, sectors)) {
    RefuseTable(disk, "has its partition entries at a place that is not ours");
  }
  SwitchPrimary(disk, gpt, free);
  WriteSynced(disk, backup_entries, gpt.entries);
  WriteSynced(disk, gpt.Lba(gpt::kAlternateLba), BackupHeader(gpt, backup_entries));
  if (free != kUsualEntriesLba) {
    SwitchPrimary(disk, gpt, kUsualEntriesLba);
  }
}

}  // namespace ros::partitions
