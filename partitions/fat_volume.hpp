#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"

namespace ros::partitions {

// A file of the boot partition.
struct FatFile {
  std::string path;     // as asked for, in upper case
  Bytes length = 0;     // what the directory says
  Bytes allocated = 0;  // what its clusters hold
  Region data;          // these clusters, in one piece; `allocated` bytes
  Region entry_sector;  // the sector with its directory entry
};

// Reads the FAT32 of a boot partition, which may hold anything: nothing in it is believed before it
// is checked (all offsets are inside the partition, chains end, directories are at most 64 KiB and
// 8 deep). Errors are kFailed: "/dev/sda2: ...". Writes nothing but what SetLengths, SwitchToSpare
// and RepairAllocation say. Not a cache: what somebody else changes after Open() is not seen.
class FatVolume {
 public:
  // Reads the boot sector and the first allocation table. Throws for what is not a FAT32 with the
  // device's sector size.
  static FatVolume Open(const Region& partition);

  // Upper or lower case, "/A/KERNEL". Throws when it is missing, a directory, or not in one piece.
  [[nodiscard]] FatFile Find(std::string_view path) const;
  // As Find, but nullopt when it is missing.
  [[nodiscard]] std::optional<FatFile> TryFind(std::string_view path) const;

  // The file's bytes (its length, not its allocation). Throws kDoesNotFit beyond `limit`.
  [[nodiscard]] std::string ReadContent(std::string_view path, Bytes limit) const;

  // The names in a directory with their lengths, files only.
  [[nodiscard]] std::map<std::string, Bytes> Lengths(std::string_view directory) const;

  // The room that each file of a directory was made with, by name, as /LAYOUT.ROS says: also of a
  // file that `fsck.vfat -a` has cut short, whose `allocated` is less until RepairAllocation.
  // Throws when /LAYOUT.ROS is missing or damaged.
  [[nodiscard]] std::map<std::string, Bytes> Places(std::string_view directory) const;

  // Sets the lengths of files in one directory by one write of one sector, then syncs: after a
  // power cut all have their old or all have their new lengths. Files not named keep theirs. Throws
  // kDoesNotFit for a length beyond the allocation, kFailed when a file is missing or the entries
  // are in more than one sector; nothing is written then.
  void SetLengths(std::string_view directory, const std::map<std::string, Bytes>& lengths);

  // The spare place of a file that was made with two (SparePath): what is written into its `data`
  // is read by nobody. nullopt when it was made with one.
  [[nodiscard]] std::optional<FatFile> FindSpare(std::string_view path) const;

  // Gives files of one directory their spare places, with these lengths, and the spare ones what
  // they had, by one write of one sector, then syncs: after a power cut all have their old or all
  // have their new content. Throws as SetLengths, and kFailed for a file without a spare place.
  void SwitchToSpare(std::string_view directory, const std::map<std::string, Bytes>& lengths);

  // What is wrong with the allocation, each a sentence: a cluster with two owners, a chain that
  // does not end or leaves the volume, copies of the table that differ, a file that is not in one
  // piece or not where /LAYOUT.ROS says. Empty when all is well; an upgrade writes only then.
  [[nodiscard]] std::vector<std::string> CheckOwnership() const;

  // Gives files that `fsck.vfat -a` cut short (their spare clusters freed) those clusters back, as
  // /LAYOUT.ROS says, where nobody else has got them. Writes the missing links, in the second
  // table, then in the first, then the directory entries that had lost their first cluster, each
  // synced: a cut leaves a file short or whole, and no cluster with two owners. File lengths and
  // contents stay. Returns the paths it mended. Throws kRefused, before it writes, when a cluster
  // belongs to another file by now.
  std::vector<std::string> RepairAllocation();

 private:
  struct State;

  explicit FatVolume(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace ros::partitions
