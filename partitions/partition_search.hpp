#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "partitions/system_paths.hpp"

// Links with libblkid alone, so that the static ros-init can use it (ros::partition_search).
namespace ros::partitions {

// A partition of a GPT disk of this machine, as the table on that disk and the kernel know it.
struct PartitionNode {
  std::string disk;  // "/dev/nvme0n1"
  std::string node;  // "/dev/nvme0n1p2"
  std::string uuid;  // PARTUUID, lower case
  std::string name;  // GPT name
  int number = 0;
  Bytes offset = 0;
  Bytes length = 0;
  std::string device_number;  // "259:2", as in mountinfo

  bool operator==(const PartitionNode&) const = default;
};

// All GPT partitions of all disks whose nodes the kernel has made. A disk that cannot be read (no
// medium, no table) is passed over. Cheap enough to poll while disks appear.
std::vector<PartitionNode> ListPartitions(const SystemPaths& system = {});

// The one with this PARTUUID (any case), nullopt when none has it. Throws kRefused naming both
// disks when two have it: a copy of a disk, and nothing is guessed.
std::optional<PartitionNode> FindPartition(const std::vector<PartitionNode>& nodes,
                                           std::string_view uuid);

}  // namespace ros::partitions
