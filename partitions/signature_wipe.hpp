#pragma once

#include "base/block_device.hpp"
#include "partitions/disk_facts.hpp"
#include "partitions/layout_plan.hpp"

namespace ros::partitions {

// Removes from the disk all that would make somebody take it, or a part of it, for something: the
// signatures that libblkid finds on the disk `facts`, in its old partitions and in those of the
// plan (both GPT copies, RAID superblocks at the end, ... included) and the first and last MiB of
// the disk and of each planned partition. Afterwards, synced, the disk has no partition table.
// Bytes that are zero already are not written. Looks for signatures behind `facts.path`, which is
// the same disk as `disk`.
void WipeSignatures(BlockDevice& disk, const LayoutPlan& plan, const DiskFacts& facts);

// The same for the part of the disk in front of a ROS-STATE that stays, without a look at the rest:
// the partitions of the old table and of the plan that end before it. The tables stay, boot code
// too. ROS-BOOT goes first: from then on nothing boots.
void WipeBeforeState(BlockDevice& disk, const LayoutPlan& plan, const DiskFacts& facts);

// Makes a region read as zeros; pieces that do so already are not written. Does not sync.
void ZeroRegion(const Region& region);

}  // namespace ros::partitions
