#include "partitions/signature_wipe.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/file.hpp"
#include "partitions/probe.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_MiB;

constexpr Bytes kWipedEnds = 1_MiB;
constexpr Bytes kWipePiece = 1_MiB;

// A range [offset, offset + length) that lies on the disk, whatever an old table said.
struct Range {
  Bytes offset;
  Bytes length;
};

std::vector<Range> RangesToProbe(const BlockDevice& disk,
                                 const LayoutPlan& plan,
                                 const DiskFacts& facts) {
  std::vector<Range> ranges = {{0, disk.size()}};
  for (const auto& partition : facts.table.partitions) {
    ranges.push_back({partition.offset, partition.length});
  }
  for (const auto& partition : plan.partitions) {
    ranges.push_back({partition.offset, partition.length});
  }
  std::erase_if(ranges, [&](const Range& range) {
    return range.length == 0 || range.offset >= disk.size() ||
           range.length > disk.size() - range.offset;
  });
  return ranges;
}

void WipeFound(BlockDevice& disk, const std::vector<Signature>& signatures) {
  for (const auto& signature : signatures) {
    const std::vector<std::byte> zeros(signature.length);
    disk.Write(signature.offset, zeros);
  }
}

// ZFS labels, RAID and LVM metadata that are more than one magic, and what no version of libblkid
// knows of yet.
void WipeEnds(const Region& region) {
  const auto length = std::min(kWipedEnds, region.length());
  ZeroRegion(region.Sub(0, length));
  ZeroRegion(region.Sub(region.length() - length, length));
}

}  // namespace

void ZeroRegion(const Region& region) {
  AlignedBuffer buffer(std::min(kWipePiece, region.length()));
  const AlignedBuffer zeros = [&] {
    AlignedBuffer made(buffer.size());
    std::memset(made.span().data(), 0, made.size());
    return made;
  }();
  for (Bytes at = 0; at < region.length(); at += kWipePiece) {
    const auto piece = buffer.span().first(std::min(kWipePiece, region.length() - at));
    region.Read(at, piece);
    const auto zero = zeros.span().first(piece.size());
    if (std::memcmp(piece.data(), zero.data(), piece.size()) != 0) {
      region.Write(at, zero);
    }
  }
}

void WipeSignatures(BlockDevice& disk, const LayoutPlan& plan, const DiskFacts& facts) {
  InContext("removing old signatures from " + disk.name(), [&] {
    // The end of the disk may be less than a sector: an image file of any size.
    const Region whole(std::shared_ptr<BlockDevice>(std::shared_ptr<void>(), &disk),
                       0,
                       RoundDown(disk.size(), disk.sector_size()));
    const auto fd = OpenFile(facts.path, O_RDONLY);
    for (const auto& range : RangesToProbe(disk, plan, facts)) {
      WipeFound(
          disk,
          ProbeSignatures(
              fd.get(),
              {.offset = range.offset, .length = range.length, .sector_size = disk.sector_size()}));
    }
    WipeEnds(whole);
    for (const auto& partition : plan.partitions) {
      WipeEnds(whole.Sub(partition.offset, partition.length));
    }
    disk.Sync();
  });
}

void WipeBeforeState(BlockDevice& disk, const LayoutPlan& plan, const DiskFacts& facts) {
  InContext("removing old signatures from " + disk.name(), [&] {
    const Region whole(std::shared_ptr<BlockDevice>(std::shared_ptr<void>(), &disk),
                       0,
                       RoundDown(disk.size(), disk.sector_size()));
    const auto end = plan.Get(PartitionRole::kState).offset;
    std::vector<Range> ranges;
    for (const auto& partition : facts.table.partitions) {
      ranges.push_back({partition.offset, partition.length});
    }
    for (const auto& partition : plan.partitions) {
      ranges.push_back({partition.offset, partition.length});
    }
    // What is in front of the first MiB is the table's.
    std::erase_if(ranges, [&](const Range& range) {
      return range.length == 0 || range.offset < kWipedEnds || range.offset >= end ||
             range.length > end - range.offset;
    });
    const auto boot = plan.Get(PartitionRole::kBoot).offset;
    std::stable_partition(
        ranges.begin(), ranges.end(), [&](const Range& range) { return range.offset == boot; });
    const auto fd = OpenFile(facts.path, O_RDONLY);
    for (const auto& range : ranges) {
      WipeFound(
          disk,
          ProbeSignatures(
              fd.get(),
              {.offset = range.offset, .length = range.length, .sector_size = disk.sector_size()}));
      WipeEnds(whole.Sub(range.offset, range.length));
      disk.Sync();
    }
  });
}

}  // namespace ros::partitions
