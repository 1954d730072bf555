#pragma once

#include <string>
#include <vector>

#include "base/block_device.hpp"

namespace ros::partitions {

// What becomes different in a GPT. Everything else stays byte by byte: types, names, attributes,
// places, partitions of others, boot code.
struct TableChange {
  std::string disk_uuid;
  std::vector<std::string> partition_uuids;  // of partition 1, 2, ...; all of these must exist
};

// Changes the GPT of a disk that is in use, so that a power cut at any moment leaves a machine that
// starts. The kernel and libfdisk read the primary header (LBA 1) and its entries, check their
// CRCs, and look at the backup only when these do not fit (the kernel not even then, unless it was
// booted with `gpt`). GRUB 2.06 reads the primary header and the entries at the place that it names
// (UEFI 2.10, table 5.5: PartitionEntryLBA) and checks nothing. So the primary is sound at every
// moment, and changes by single sectors: its entries are written where it does not point to, and
// then the header is switched. That place is in the first MiB, behind the usual entries and before
// the first usable sector, where `ros install` left nothing but zeros.
//
//   write, each synced                    primary: header -> entries   backup      all readers see
//   1 new entries to the spare place      old -> LBA 2                 old         old
//   2 primary header, one sector          new -> spare                 old         new
//   3 entries of the backup               new -> spare                 (damaged)   new
//   4 header of the backup                new -> spare                 new         new
//   5 new entries to LBA 2                new -> spare                 new         new
//   6 primary header, one sector          new -> LBA 2                 new         new
//
// A write that is cut short tears 1, 3 or 5, which nobody reads at that moment: from 2 on a reader
// that finds an old backup beside the new primary goes by the primary. A table that an earlier cut
// left at the spare place is changed in the other order (LBA 2 is then the free place, and the two
// last writes are not needed). What lies at the spare place afterwards is a copy that no header
// names. The backup is written where the new header says that it is, so the same writes do for a
// table that moves it to the end of a larger disk (table_growth.hpp).
//
// The kernel keeps what it read before of a disk with mounted partitions; nothing moved, so its
// nodes stay right. Throws kRefused where the primary is not sound, a partition is missing or there
// is no room for the second entries; nothing was written then.
void ChangePartitionTable(BlockDevice& disk, const TableChange& change);

}  // namespace ros::partitions
