#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "partitions/system_paths.hpp"

namespace ros::partitions {

// What a path is, as a target of an installation.
enum class TargetKind {
  kMissing,    // nothing is there
  kImageFile,  // a regular file
  kWholeDisk,  // a block device that can carry a partition table
  kPartition,  // a partition of a disk
  kOther,      // a directory, a character device, ...
};

enum class TableType { kNone, kGpt, kDos, kOther };

// A magic number that makes other programs take the bytes around it for theirs.
struct Signature {
  std::string type;  // as blkid calls it: "ext4", "LVM2_member", "zfs_member", "gpt", ...
  std::string label;
  std::string uuid;
  Bytes offset = 0;  // of the magic itself, from the start of the disk
  Bytes length = 0;

  bool operator==(const Signature&) const = default;
};

// A partition as the table on the disk describes it, and what it holds. Strings are empty where the
// table or the file system has none. UUIDs are lower case.
struct FoundPartition {
  int number = 0;
  std::string name;
  std::string type;  // GPT: UUID; DOS: "0x83"
  std::string uuid;  // what Linux calls PARTUUID
  Bytes offset = 0;
  Bytes length = 0;
  std::string file_system;  // blkid's type of what is inside: "ext4", "LVM2_member", ...
  std::string label;        // of that file system

  bool operator==(const FoundPartition&) const = default;
};

struct PartitionTable {
  TableType type = TableType::kNone;
  std::string uuid;
  std::vector<FoundPartition> partitions;

  bool operator==(const PartitionTable&) const = default;
};

// What there is to know of a disk before something is done to it. Plain data.
struct DiskFacts {
  std::filesystem::path path;  // as given
  TargetKind kind = TargetKind::kMissing;
  Bytes size = 0;
  std::uint32_t sector_size = 512;           // logical; of a file: see OpenBlockDevice
  std::uint32_t physical_sector_size = 512;  // at least the logical one
  bool read_only = false;
  bool removable = false;
  std::string model;  // from sysfs, trimmed; empty for a file
  std::string serial;
  std::string transport;  // "ata", "nvme", "usb", "virtio", "scsi", "mmc" or ""
  // What the kernel calls it, whatever link `path` is: "/dev/sda". Empty for a file.
  std::filesystem::path node;
  // Where it is plugged in, which tells two equal disks apart: a link of /dev/disk/by-path, or the
  // place in sysfs from the bus on where nobody makes such links. Empty for a file.
  std::string location;
  // Of a partition: the whole disk that it is a part of, "/dev/sda".
  std::string parent;
  // Why it may not be written to now, each a phrase: "/dev/sda2 is mounted at /home".
  std::vector<std::string> in_use;
  PartitionTable table;
  // What lies on the whole disk beside the table: LVM, ZFS, RAID, a file system without a table.
  std::vector<Signature> signatures;
  // Where there is neither table nor signature: the first byte found that is not zero. A file is
  // read as far as it has data, a disk at its first and last MiB.
  std::optional<Bytes> unknown_data;

  // A partition table, another signature or anything else but zeros is on it.
  [[nodiscard]] bool HoldsData() const;

  bool operator==(const DiskFacts&) const = default;
};

// Looks at `path` without writing to it and without needing root for a file. A path that does not
// exist, is a partition, is read-only or is in use is told in the facts. Throws kFailed when
// reading fails, kRefused when the rights to read it are missing.
DiskFacts InspectDisk(const std::filesystem::path& path, const SystemPaths& system = {});

// Why nothing may be installed there, with the sentence for it, or nullopt: missing (kUsage), a
// partition (kUsage, names the disk), neither disk nor file (kUsage), read-only (kRefused), in use
// (kRefused, all reasons). Data on it is not a reason: that is for the user to decide.
std::optional<Error> RefusalFor(const DiskFacts& facts);

}  // namespace ros::partitions
