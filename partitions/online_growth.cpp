#include "partitions/online_growth.hpp"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdint>

#include "base/error.hpp"
#include "base/file.hpp"
#include "partitions/ext4_superblock.hpp"

namespace ros::partitions {
namespace {

// struct ext4_super_block (Documentation/filesystems/ext4/super.rst).
constexpr std::size_t kSuperblock = kExt4Superblock;
constexpr std::size_t kBlocksLow = kSuperblock + 0x04;
constexpr std::size_t kFirstDataBlock = kSuperblock + 0x14;
constexpr std::size_t kLogBlockSize = kSuperblock + 0x18;
constexpr std::size_t kBlocksPerGroup = kSuperblock + 0x20;
constexpr std::size_t kInodesPerGroup = kSuperblock + 0x28;
constexpr std::size_t kMagic = kSuperblock + kExt4MagicPlace;
constexpr std::size_t kInodeSize = kSuperblock + 0x58;
constexpr std::size_t kIncompatible = kSuperblock + kExt4IncompatiblePlace;
constexpr std::size_t kReservedGdtBlocks = kSuperblock + 0xce;
constexpr std::size_t kDescriptorSize = kSuperblock + 0xfe;
constexpr std::size_t kBlocksHigh = kSuperblock + 0x150;
constexpr std::size_t kNeeded = kSuperblock + 1024;

constexpr std::uint32_t k64Bit = 0x80;
constexpr Bytes kSmallestBlock = 1024;
constexpr std::uint32_t kLargestLog = 6;
constexpr std::uint32_t kShortDescriptor = 32;
// What resize2fs wants to be left in the last group beside its tables.
constexpr std::uint64_t kUsefulBlocks = 50;

// Linux 6.2 and later has it in <linux/ext4.h>.
constexpr unsigned long kResizeFileSystem = _IOW('f', 16, std::uint64_t);

// Blocks that a block group may need for itself.
std::uint64_t Overhead(ByteSpan start, Bytes block_size, std::uint64_t groups) {
  const bool wide = (LoadLe32(start, kIncompatible) & k64Bit) != 0;
  const std::uint64_t descriptor = wide ? LoadLe16(start, kDescriptorSize) : kShortDescriptor;
  const auto inodes = std::uint64_t{LoadLe32(start, kInodesPerGroup)} * LoadLe16(start, kInodeSize);
  constexpr std::uint64_t kBitmaps = 2;
  constexpr std::uint64_t kCopyOfSuperblock = 1;
  return kBitmaps + kCopyOfSuperblock + RoundUp(inodes, block_size) / block_size +
         RoundUp(groups * descriptor, block_size) / block_size +
         LoadLe16(start, kReservedGdtBlocks);
}

}  // namespace

Ext4Growth InspectExt4Growth(ByteSpan start, Bytes partition_length) {
  if (start.size() < kNeeded || LoadLe16(start, kMagic) != kExt4Magic) {
    throw Error(ErrorKind::kRefused, "there is no ext4");
  }
  const auto log = LoadLe32(start, kLogBlockSize);
  const std::uint64_t group = LoadLe32(start, kBlocksPerGroup);
  const std::uint64_t first = LoadLe32(start, kFirstDataBlock);
  if (log > kLargestLog || group == 0 || first > 1) {
    throw Error(ErrorKind::kRefused, "the superblock of the ext4 makes no sense");
  }
  Ext4Growth growth{.block_size = kSmallestBlock << log};
  const bool wide = (LoadLe32(start, kIncompatible) & k64Bit) != 0;
  const std::uint64_t blocks =
      LoadLe32(start, kBlocksLow) + (wide ? std::uint64_t{LoadLe32(start, kBlocksHigh)} << 32U : 0);
  growth.length = CheckedMul(blocks, growth.block_size, "the file system");
  auto possible = partition_length / growth.block_size;
  if (possible <= first) {
    throw Error(ErrorKind::kRefused, "the partition is too small for any ext4");
  }
  const auto in_last = (possible - first) % group;
  if (in_last != 0 && in_last < Overhead(start, growth.block_size, (possible - first) / group + 1) +
                                    kUsefulBlocks) {
    possible -= in_last;
  }
  growth.new_length = std::max(growth.length, possible * growth.block_size);
  return growth;
}

void ResizeKernelPartition(const std::filesystem::path& disk,
                           int number,
                           Bytes offset,
                           Bytes length) {
  const auto fd = OpenFile(disk, O_RDONLY);
  blkpg_partition partition{};
  partition.start = static_cast<long long>(offset);
  partition.length = static_cast<long long>(length);
  partition.pno = number;
  blkpg_ioctl_arg request{};
  request.op = BLKPG_RESIZE_PARTITION;
  request.datalen = sizeof partition;
  request.data = &partition;
  if (::ioctl(fd.get(), BLKPG, &request) != 0) {
    ThrowErrno("telling the kernel that partition " + std::to_string(number) + " of " +
               disk.string() + " has " + FormatBytes(length));
  }
}

void GrowMountedExt4(const std::filesystem::path& directory, Bytes length, Bytes block_size) {
  const auto fd = OpenFile(directory, O_RDONLY | O_DIRECTORY);
  const std::uint64_t blocks = length / block_size;
  if (::ioctl(fd.get(), kResizeFileSystem, &blocks) != 0) {
    ThrowErrno("growing the file system at " + directory.string() + " to " + FormatBytes(length));
  }
}

}  // namespace ros::partitions
