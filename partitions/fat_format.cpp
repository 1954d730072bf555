#include "partitions/fat_format.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace ros::partitions::fat {
namespace {

// Places in the boot sector (fatgen103, section 3.1 and 3.3).
constexpr std::size_t kBytesPerSector = 11;
constexpr std::size_t kSectorsPerCluster = 13;
constexpr std::size_t kReservedSectors = 14;
constexpr std::size_t kTables = 16;
constexpr std::size_t kRootEntries = 17;
constexpr std::size_t kTableSectors16 = 22;
constexpr std::size_t kTotalSectors = 32;
constexpr std::size_t kTableSectors = 36;
constexpr std::size_t kVersion = 42;
constexpr std::size_t kRootCluster = 44;
constexpr std::size_t kInfoSector = 48;
constexpr std::size_t kMark = 510;
constexpr std::uint16_t kMarkValue = 0xaa55;

// Places in a directory entry (section 6).
constexpr std::size_t kName = 0;
constexpr std::size_t kNameSize = 11;
constexpr std::size_t kBaseSize = 8;
constexpr std::size_t kAttributes = 11;
constexpr std::size_t kFirstClusterHigh = 20;
constexpr std::size_t kWriteDate = 24;
constexpr std::size_t kCreateDate = 16;
constexpr std::size_t kFirstClusterLow = 26;
constexpr std::size_t kLength = 28;
constexpr std::uint16_t kFixedDate = 0x0021;  // 1980-01-01

constexpr std::byte kDeleted{0xe5};

constexpr std::size_t kFreeCount = 488;
constexpr std::size_t kNextFree = 492;

bool IsPowerOfTwo(std::uint32_t n) {
  return n != 0 && (n & (n - 1)) == 0;
}

void Require(bool fine, std::string_view what) {
  if (!fine) {
    throw Error(ErrorKind::kFailed, "not a FAT32 that can be used: " + std::string(what));
  }
}

bool IsNameCharacter(char c) {
  static constexpr std::string_view kOthers = "!#$%&'()-@^_`{}~";
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kOthers.find(c) != kOthers.npos;
}

}  // namespace

Geometry ParseGeometry(ByteSpan boot_sector, Bytes length) {
  Require(boot_sector.size() >= 512, "it is too short");
  Require(LoadLe16(boot_sector, kMark) == kMarkValue, "no mark at the end of the boot sector");
  Geometry geometry;
  geometry.sector_size = LoadLe16(boot_sector, kBytesPerSector);
  Require(IsPowerOfTwo(geometry.sector_size) && geometry.sector_size >= 512 &&
              geometry.sector_size <= 4096,
          "bad sector size");
  const auto per_cluster = std::to_integer<std::uint32_t>(boot_sector[kSectorsPerCluster]);
  geometry.cluster_size = per_cluster * geometry.sector_size;
  Require(IsPowerOfTwo(per_cluster) && geometry.cluster_size <= 64U * 1024U, "bad cluster size");
  geometry.tables = std::to_integer<std::uint32_t>(boot_sector[kTables]);
  Require(geometry.tables == 1 || geometry.tables == 2, "bad number of tables");
  Require(LoadLe16(boot_sector, kRootEntries) == 0 && LoadLe16(boot_sector, kTableSectors16) == 0 &&
              LoadLe16(boot_sector, kVersion) == 0,
          "it is FAT12 or FAT16");

  const Bytes sector = geometry.sector_size;
  const Bytes reserved = LoadLe16(boot_sector, kReservedSectors);
  const Bytes total = LoadLe32(boot_sector, kTotalSectors);
  Require(reserved >= 2 && total <= length / sector, "it is larger than its partition");
  geometry.table_offset = reserved * sector;
  geometry.table_size = LoadLe32(boot_sector, kTableSectors) * sector;
  geometry.data_offset = geometry.table_offset + geometry.tables * geometry.table_size;
  Require(geometry.data_offset < total * sector, "its tables are larger than it");
  const Bytes clusters = (total * sector - geometry.data_offset) / geometry.cluster_size;
  Require(clusters >= kFewestClusters && clusters <= kMostClusters, "bad number of clusters");
  geometry.clusters = static_cast<std::uint32_t>(clusters);
  Require(geometry.used_table_size() <= geometry.table_size, "its tables are too small");
  geometry.root_cluster = LoadLe32(boot_sector, kRootCluster);
  Require(geometry.IsCluster(geometry.root_cluster), "bad root directory");
  geometry.info_offset = LoadLe16(boot_sector, kInfoSector) * sector;
  Require(geometry.info_offset > 0 && geometry.info_offset < geometry.table_offset, "bad FSInfo");
  return geometry;
}

EntryKind KindOf(ByteSpan raw) {
  if (raw[kName] == std::byte{0}) {
    return EntryKind::kEnd;
  }
  const auto attributes = std::to_integer<std::uint8_t>(raw[kAttributes]);
  const bool file = raw[kName] != kDeleted && (attributes & kAttributeVolume) == 0;
  return file ? EntryKind::kUsed : EntryKind::kUnused;
}

DirectoryEntry ParseEntry(ByteSpan raw) {
  const auto text = AsText(raw.first(kNameSize));
  const auto trim = [](std::string_view part) {
    return std::string(part.substr(0, part.find_last_not_of(' ') + 1));
  };
  DirectoryEntry entry;
  entry.name = trim(text.substr(0, kBaseSize));
  if (const auto extension = trim(text.substr(kBaseSize)); !extension.empty()) {
    entry.name += "." + extension;
  }
  entry.attributes = std::to_integer<std::uint8_t>(raw[kAttributes]);
  entry.first_cluster =
      (std::uint32_t{LoadLe16(raw, kFirstClusterHigh)} << 16U | LoadLe16(raw, kFirstClusterLow)) &
      kEntryMask;
  entry.length = LoadLe32(raw, kLength);
  return entry;
}

void StoreEntry(MutableByteSpan raw, const DirectoryEntry& entry) {
  std::ranges::fill(raw.first(kDirectoryEntrySize), std::byte{0});
  const auto packed = PackName(entry.name).value();
  std::ranges::copy(AsBytes({packed.data(), packed.size()}), raw.begin());
  raw[kAttributes] = std::byte{entry.attributes};
  StoreLe16(raw, kCreateDate, kFixedDate);
  StoreLe16(raw, kWriteDate, kFixedDate);
  StoreFirstCluster(raw, entry.first_cluster);
  StoreLength(raw, entry.length);
}

void StoreFirstCluster(MutableByteSpan raw, std::uint32_t cluster) {
  StoreLe16(raw, kFirstClusterHigh, static_cast<std::uint16_t>(cluster >> 16U));
  StoreLe16(raw, kFirstClusterLow, static_cast<std::uint16_t>(cluster & 0xffffU));
}

void StoreLength(MutableByteSpan raw, std::uint32_t length) {
  StoreLe32(raw, kLength, length);
}

std::optional<std::array<char, 11>> PackName(std::string_view name) {
  std::array<char, 11> packed{};
  packed.fill(' ');
  if (name == "." || name == "..") {
    std::ranges::copy(name, packed.begin());
    return packed;
  }
  const auto dot = name.find('.');
  const auto base = name.substr(0, dot);
  const auto extension = dot == name.npos ? std::string_view() : name.substr(dot + 1);
  const bool fine =
      !base.empty() && base.size() <= kBaseSize && extension.size() <= kNameSize - kBaseSize &&
      (dot == name.npos) == extension.empty() && std::ranges::all_of(base, IsNameCharacter) &&
      std::ranges::all_of(extension, IsNameCharacter);
  if (!fine) {
    return std::nullopt;
  }
  std::ranges::copy(base, packed.begin());
  std::ranges::copy(extension, packed.begin() + kBaseSize);
  return packed;
}

void StoreFreeCount(MutableByteSpan info, std::uint32_t free, std::uint32_t next_free) {
  StoreLe32(info, kFreeCount, free);
  StoreLe32(info, kNextFree, next_free);
}

}  // namespace ros::partitions::fat
