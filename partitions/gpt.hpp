#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/block_device.hpp"

// Private to this folder.
namespace ros::partitions {

// UEFI 2.10, table 5.5: places in a GPT header that are read or changed elsewhere.
namespace gpt {

inline constexpr std::size_t kAlternateLba = 32;
inline constexpr std::size_t kFirstUsableLba = 40;
inline constexpr std::size_t kLastUsableLba = 48;
inline constexpr std::size_t kDiskGuid = 56;
inline constexpr std::size_t kEntriesLba = 72;
inline constexpr std::size_t kEntryCount = 80;
inline constexpr std::size_t kEntrySize = 84;
// Table 5.6: places in an entry.
inline constexpr std::size_t kTypeGuid = 0;
inline constexpr std::size_t kUniqueGuid = 16;
inline constexpr std::size_t kStartingLba = 32;
inline constexpr std::size_t kEndingLba = 40;  // the last one, inside
inline constexpr std::size_t kSmallestEntry = 128;
inline constexpr std::size_t kGuidSize = 16;

}  // namespace gpt

// A GPT in memory. Its places of header and entries and its CRCs are made right when it is written.
struct Gpt {
  std::vector<std::byte> header;   // one sector
  std::vector<std::byte> entries;  // whole sectors
  Bytes entries_length = 0;        // what the CRC is over

  [[nodiscard]] std::uint64_t Sectors() const { return entries.size() / header.size(); }

  // A number of 8 bytes in the header.
  [[nodiscard]] std::uint64_t Lba(std::size_t field) const { return LoadLe64(header, field); }

  [[nodiscard]] std::size_t EntryCount() const;

  // The entry of partition `index` + 1; `index` is below EntryCount().
  [[nodiscard]] ByteSpan Entry(std::size_t index) const;
  [[nodiscard]] MutableByteSpan Entry(std::size_t index);

  // Whether there is such a partition.
  [[nodiscard]] bool Has(std::size_t index) const;
};

// The primary of a disk. Throws kRefused where it is not sound.
Gpt ReadPrimaryGpt(const BlockDevice& disk);

// Whether header and entries of `gpt` are on the disk, both copies, at LBA 2 and at the alternate
// LBA that its header names.
bool IsInPlace(const BlockDevice& disk, const Gpt& gpt);

// Puts `gpt` in the place of the table that is on the disk, in the order of table_change.hpp, a
// sync after each write. Throws kRefused, before anything is written, where the disk has no sound
// primary now or no room for a second array of entries or for the backup.
void ReplaceGpt(BlockDevice& disk, const Gpt& gpt);

// For sentences of all that work on tables: kRefused, "DISK WHY".
[[noreturn]] void RefuseTable(const BlockDevice& disk, const std::string& why);

}  // namespace ros::partitions
