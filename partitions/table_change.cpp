#include "partitions/table_change.hpp"

#include <uuid.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "partitions/gpt.hpp"

namespace ros::partitions {
namespace {

using Guid = std::array<std::byte, gpt::kGuidSize>;

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

void ApplyChange(const BlockDevice& disk, const TableChange& change, Gpt& table) {
  std::ranges::copy(GuidOnDisk(change.disk_uuid), table.header.begin() + gpt::kDiskGuid);
  for (std::size_t i = 0; i < change.partition_uuids.size(); ++i) {
    if (!table.Has(i)) {
      RefuseTable(disk, "has no partition " + std::to_string(i + 1));
    }
    std::ranges::copy(GuidOnDisk(change.partition_uuids[i]),
                      table.Entry(i).subspan(gpt::kUniqueGuid, gpt::kGuidSize).begin());
  }
}

}  // namespace

void ChangePartitionTable(BlockDevice& disk, const TableChange& change) {
  InContext("changing the partition table of " + disk.name(), [&] {
    auto table = ReadPrimaryGpt(disk);
    ApplyChange(disk, change, table);
    ReplaceGpt(disk, table);
  });
}

}  // namespace ros::partitions
