#pragma once

#include "base/block_device.hpp"

namespace ros::partitions {

// What the GPT of a disk lacks that has become larger since it was written: an image file that was
// copied to a larger disk, a virtual disk that was enlarged. Plain data.
struct TableGrowth {
  Bytes offset = 0;  // of the partition, which stays
  Bytes length = 0;  // of it, as the table has it
  Bytes new_length =
      0;  // up to where `ros install` would let it end; `length` where it may not grow
  // Both copies of the table are whole and at their places, the backup at the end of the disk.
  bool in_place = true;

  [[nodiscard]] bool Needed() const { return !in_place || new_length != length; }

  bool operator==(const TableGrowth&) const = default;
};

// Reads the table. A partition that has another one behind it does not grow, nor does one that ends
// less than a MiB before it could. Throws kRefused where the primary is not sound (a disk smaller
// than its table says, too) or has no such partition.
TableGrowth InspectTableGrowth(const BlockDevice& disk, int partition);

// Does it: writes a table with the backup at the end of the disk and the partition grown, as
// table_change.hpp tells, so that at every cut all readers see the old table or the new one. After
// a cut InspectTableGrowth() says what is left to be done. The old backup stays where it is, inside
// of the partition then, where no reader looks. Writes nothing when nothing is needed. The kernel
// does not learn of it (online_growth.hpp).
void GrowPartitionTable(BlockDevice& disk, int partition);

}  // namespace ros::partitions
