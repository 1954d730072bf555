#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "base/slot.hpp"
#include "partitions/slot_files.hpp"

namespace ros::partitions {

// How many places of its size a file is made with.
enum class FilePlaces {
  kOne,
  // A second place, the spare one, under SparePath in the same directory: a new content is written
  // there while the old one is in use (FatVolume::SwitchToSpare).
  kTwo,
};

// A file that is made once, in one piece, and never grows, moves or goes.
struct BootFile {
  std::string path;  // "/A/KERNEL": 8.3 names in upper case, at most two directories deep
  Bytes max_size = 0;
  std::string content;  // its length is the file's length; may be empty
  FilePlaces places = FilePlaces::kOne;
};

// The name of a file's spare place: "/EFI/BOOT/BOOTX64.ALT" of "/EFI/BOOT/BOOTX64.EFI".
std::string SparePath(std::string_view path);

struct BootFileSizes {
  Bytes kernel = Bytes{32} << 20U;
  Bytes initrd = Bytes{96} << 20U;
  Bytes small = Bytes{64} << 10U;  // each of the others
};

// Whether a slot has a place for a kernel and one for an initrd, or one for both.
enum class KernelPlaces { kKernelAndInitrd, kUnifiedKernel };

// The files of a slot, all empty: a slot that is not bootable. `loader_files` are those that its
// boot loader reads. A unified kernel has as much room as kernel and initrd together.
std::vector<BootFile> SlotFiles(
    SlotId slot,
    const BootFileSizes& sizes,
    const std::vector<std::string_view>& loader_files = {kGrubConfigFile, kSumsFile},
    KernelPlaces kernel = KernelPlaces::kKernelAndInitrd);

// How the boot partition's file system will be.
struct BootFileSystemPlan {
  Bytes size = 0;
  std::uint32_t sector_size = 512;
  std::uint32_t cluster_size = 4096;
  std::uint32_t volume_id = 0;
  Bytes hidden = 0;  // where the partition starts on its disk
  std::vector<BootFile> files;

  [[nodiscard]] std::uint32_t sectors_per_cluster() const { return cluster_size / sector_size; }
};

struct BootFileSystemRequest {
  Bytes partition_offset = 0;
  Bytes partition_length = 0;
  std::uint32_t sector_size = 512;
  std::uint32_t volume_id = 0;
  std::vector<BootFile> files;
};

// Pure. Chooses the largest cluster up to 4 KiB that gives a legal FAT32 (65525 clusters at least,
// fatgen103 section 3.5). Throws kDoesNotFit with the numbers when the files do not fit or the
// partition is too small for FAT32 (about 34 MiB, with 4 KiB sectors 257 MiB), kUsage for a name
// that is not 8.3, is there twice, or a directory whose entries would not fit one sector. The spare
// places of files that have one are files of the plan, right behind them.
BootFileSystemPlan PlanBootFileSystem(const BootFileSystemRequest& request);

// Makes the file system: mkfs.fat and our placing on a scratch file, then everything but the
// content of the empty files is written to `partition`, synced and read back. Each file is in one
// piece that starts at a multiple of 4096 bytes and shares none of its 4096-byte blocks; all
// entries of a directory are in the first sector of its one cluster. /LAYOUT.ROS tells where each
// file is, for FatVolume::RepairAllocation. What the rest of a file's clusters holds is what was on
// the disk.
void MakeBootFileSystem(const Region& partition, const BootFileSystemPlan& plan);

}  // namespace ros::partitions
