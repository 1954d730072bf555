#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

// FAT32 as Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (fatgen103) describes it.
// Private to this folder.
namespace ros::partitions::fat {

// Entries of the allocation table: 28 bits, the upper 4 are kept.
inline constexpr std::uint32_t kEntryMask = 0x0fffffff;
inline constexpr std::uint32_t kFree = 0;
inline constexpr std::uint32_t kEndOfChain = 0x0fffffff;
inline constexpr std::uint32_t kFirstEndOfChain = 0x0ffffff8;
inline constexpr std::uint32_t kFirstCluster = 2;
// FAT32 has at least this many clusters, whatever else it says of itself (section 3.5).
inline constexpr std::uint32_t kFewestClusters = 65525;
// What we read; 16 GiB in clusters of 4 KiB.
inline constexpr std::uint32_t kMostClusters = 1U << 22U;

// Where things are in the partition, checked.
struct Geometry {
  std::uint32_t sector_size = 0;
  std::uint32_t cluster_size = 0;
  Bytes table_offset = 0;  // of the first table
  Bytes table_size = 0;    // of one
  std::uint32_t tables = 0;
  Bytes data_offset = 0;  // of cluster 2
  std::uint32_t clusters = 0;
  std::uint32_t root_cluster = 0;
  Bytes info_offset = 0;  // FSInfo

  // Cluster numbers are 2 ... clusters + 1.
  [[nodiscard]] bool IsCluster(std::uint32_t cluster) const {
    return cluster >= kFirstCluster && cluster - kFirstCluster < clusters;
  }

  [[nodiscard]] Bytes OffsetOf(std::uint32_t cluster) const {
    return data_offset + Bytes{cluster - kFirstCluster} * cluster_size;
  }

  // Bytes of the table that hold entries for clusters; the rest of it is padding.
  [[nodiscard]] Bytes used_table_size() const { return (Bytes{clusters} + kFirstCluster) * 4; }
};

// Reads the boot sector (its first 512 bytes) of a partition of `length` bytes. Throws kFailed with
// what is wrong.
Geometry ParseGeometry(ByteSpan boot_sector, Bytes length);

inline constexpr std::size_t kDirectoryEntrySize = 32;
inline constexpr std::uint8_t kAttributeVolume = 0x08;
inline constexpr std::uint8_t kAttributeDirectory = 0x10;
inline constexpr std::uint8_t kAttributeArchive = 0x20;
inline constexpr std::uint8_t kAttributeLongName = 0x0f;

// An entry of a directory.
struct DirectoryEntry {
  std::string name;  // "GRUB.CFG"
  std::uint8_t attributes = 0;
  std::uint32_t first_cluster = 0;
  std::uint32_t length = 0;

  [[nodiscard]] bool IsDirectory() const { return (attributes & kAttributeDirectory) != 0; }
};

enum class EntryKind { kEnd, kUnused, kUsed };

// What the 32 bytes at `raw` are: past the last entry, deleted (or a long name, a volume label), or
// a file or directory.
EntryKind KindOf(ByteSpan raw);
DirectoryEntry ParseEntry(ByteSpan raw);
// With a fixed date, so that the same file system is made from the same input.
void StoreEntry(MutableByteSpan raw, const DirectoryEntry& entry);
void StoreFirstCluster(MutableByteSpan raw, std::uint32_t cluster);
void StoreLength(MutableByteSpan raw, std::uint32_t length);

// "GRUB.CFG" as the 11 bytes on disk; nullopt for what is not a plain 8.3 name in upper case.
// "." and ".." are.
std::optional<std::array<char, 11>> PackName(std::string_view name);

// FSInfo (section 5): a sector with two numbers that save a search. kFreeCount is at 488.
inline constexpr std::size_t kInfoSize = 512;
void StoreFreeCount(MutableByteSpan info, std::uint32_t free, std::uint32_t next_free);

}  // namespace ros::partitions::fat
