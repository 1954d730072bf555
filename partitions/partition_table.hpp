#pragma once

#include <filesystem>

#include "base/block_device.hpp"
#include "partitions/disk_facts.hpp"
#include "partitions/layout_plan.hpp"

namespace ros::partitions {

// Removes from the disk all that would make somebody take it, or a part of it, for something: the
// signatures that libblkid finds on the disk `facts` and in its old partitions and in those of the
// plan (both GPT copies, RAID superblocks at the end, ... included) and the first and last MiB of
// the disk and of each planned partition. Afterwards, synced, the disk has no partition table.
// Blocks that are zero already are not written.
void WipeSignatures(BlockDevice& disk, const LayoutPlan& plan, const DiskFacts& facts);

// Writes the GPT of `plan` (UEFI 2.10, section 5.3): the backup's entries and header, then the
// primary's entries, then the protective MBR, then the primary header; a sync after each. Before
// the MBR is written there is no table that anybody sees; after it the backup, complete, is found.
// The MBR's first 440 bytes (boot code) stay as they are. Throws kFailed when the plan was made for
// a disk of another size.
void WritePartitionTable(BlockDevice& disk, const LayoutPlan& plan);

// The table on a disk, without a look at what the partitions hold; kNone when there is none. A
// damaged primary GPT is read from its backup.
PartitionTable ReadPartitionTable(const BlockDevice& disk);

enum class KernelTable { kReread, kOld };

// Makes the kernel read the table of a block device again, so that the nodes of its partitions
// appear; kOld when it did not (a partition is in use), kReread for a file, which has no nodes.
KernelTable RereadPartitionTable(const std::filesystem::path& disk);

}  // namespace ros::partitions
