#pragma once

#include <cstdint>
#include <vector>

#include "partitions/disk_facts.hpp"

// What libblkid sees behind a descriptor that is open for reading. Private to this folder.
namespace ros::partitions {

// A part of what is behind the descriptor.
struct ProbeRange {
  Bytes offset = 0;
  Bytes length = 0;
  std::uint32_t sector_size = 512;
};

// The partition table at the start (and end) of a disk of `size` bytes; kNone when there is none.
// Does not look into the partitions.
PartitionTable ProbeTable(int fd, Bytes size, std::uint32_t sector_size);

// Every signature in a range, those of partition tables and ones with a bad checksum included.
// Offsets are from the start of the descriptor.
std::vector<Signature> ProbeSignatures(int fd, const ProbeRange& range);

}  // namespace ros::partitions
