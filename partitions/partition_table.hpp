#pragma once

#include <filesystem>

#include "base/block_device.hpp"
#include "partitions/disk_facts.hpp"
#include "partitions/layout_plan.hpp"

namespace ros::partitions {

// Writes the GPT of `plan` (UEFI 2.10, section 5.3): the backup's entries and header, then the
// primary's entries, then the protective MBR, then the primary header; a sync after each. Before
// the MBR is written there is no table that anybody sees; after it the backup, complete, is found.
// The MBR's first 440 bytes (boot code) stay as they are. Throws kFailed when the plan was made for
// a disk of another size.
void WritePartitionTable(BlockDevice& disk, const LayoutPlan& plan);

// Writes the GPT of `plan` in the place of the one that is there, in the order of table_change.hpp:
// at every cut all readers see the old table or the new one. For a partition that stays and that
// only the table knows the place of. Then the protective MBR, as above. Throws kRefused where the
// primary that is there is not sound, before anything is written, and kFailed as above.
void ReplacePartitionTable(BlockDevice& disk, const LayoutPlan& plan);

// The table on a disk, without a look at what the partitions hold; kNone when there is none. A
// damaged primary GPT is read from its backup.
PartitionTable ReadPartitionTable(const BlockDevice& disk);

enum class KernelTable { kReread, kOld };

// Makes the kernel read the table of a block device again, so that the nodes of its partitions
// appear; kOld when it did not (a partition is in use), kReread for a file, which has no nodes.
KernelTable RereadPartitionTable(const std::filesystem::path& disk);

}  // namespace ros::partitions
