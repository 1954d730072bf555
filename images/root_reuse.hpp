#pragma once

#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "base/progress.hpp"
#include "images/chunk_index.hpp"
#include "images/delta_index.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// Where the content of a chunk is had from.
enum class ChunkOrigin {
  kImage,      // its frame is read and unpacked
  kOldRoot,    // it is copied from another root of this machine
  kSlot,       // it is in its place already
  kPatch,      // a patch makes it of ranges of that other root
  kFragments,  // some of it is in that other root, the rest are fragments (fragment_plan.hpp)
};

struct PlannedChunk {
  ChunkOrigin origin = ChunkOrigin::kImage;
  Bytes old_offset = 0;       // in the other root, for kOldRoot
  std::size_t patch = 0;      // of the delta, for kPatch
  std::size_t fragments = 0;  // of the plan of fragments, for kFragments

  bool operator==(const PlannedChunk&) const = default;
};

// How a root is put together. Nothing of it is believed when it is done: every chunk is compared
// with its digest, and had from the image where it is not what it should be.
struct RootPlan {
  std::vector<PlannedChunk> chunks;  // one for each of the index, in order
  Bytes fetched = 0;   // bytes of the frames, patches and fragments that come from the image
  Bytes unpacked = 0;  // bytes of the root that frames and fragments make
  Bytes patched = 0;   // that patches make
  Bytes copied = 0;
  Bytes kept = 0;

  bool operator==(const RootPlan&) const = default;
};

// What another root of the machine may give.
struct OtherRoot {
  std::vector<Chunk> chunks;  // its index; empty where that is not known any more
  // What the image has to make its root of just that one; null where it has nothing.
  const DeltaIndex* delta = nullptr;
};

// What is in its place stays there, what the other root has is copied, patches are taken where the
// image has some, the rest are its frames. `kept` has an entry for each chunk, or is empty. Pure.
RootPlan PlanRoot(const std::vector<Chunk>& chunks,
                  const OtherRoot& other,
                  const std::vector<bool>& kept);

// What comes besides the frames and patches of a plan, since it lies between those that are
// wanted. `delta` is that of the plan, or null. Pure.
Bytes BytesBetween(const RootPlan& plan,
                   const std::vector<Chunk>& chunks,
                   const DeltaIndex* delta,
                   const RangeCosts& costs);

// Which chunks a slot holds at their place, of an upgrade that was cut short for example. Reads all
// of it, on all cores. A part that cannot be read holds none.
std::vector<bool> FindKeptChunks(const Region& slot,
                                 const std::vector<Chunk>& chunks,
                                 Progress& progress);

}  // namespace ros::images
