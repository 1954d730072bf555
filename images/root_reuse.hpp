#pragma once

#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "base/progress.hpp"
#include "images/chunk_index.hpp"

namespace ros::images {

// Where the content of a chunk is had from.
enum class ChunkOrigin {
  kImage,    // its frame is read and unpacked
  kOldRoot,  // it is copied from another root of this machine
  kSlot,     // it is in its place already
};

struct PlannedChunk {
  ChunkOrigin origin = ChunkOrigin::kImage;
  Bytes old_offset = 0;  // in the other root, for kOldRoot

  bool operator==(const PlannedChunk&) const = default;
};

// How a root is put together. Nothing of it is believed when it is done: every chunk is compared
// with its digest, and had from the image where it is not what it should be.
struct RootPlan {
  std::vector<PlannedChunk> chunks;  // one for each of the index, in order
  Bytes fetched = 0;                 // bytes of the layer that the frames from the image are
  Bytes unpacked = 0;                // bytes of the root that they make
  Bytes copied = 0;
  Bytes kept = 0;

  bool operator==(const RootPlan&) const = default;
};

// What is in its place stays there, what the other root has is copied, the rest comes from the
// image. `old` is the index of the other root; `kept` has an entry for each chunk, or is empty.
// Pure.
RootPlan PlanRoot(const std::vector<Chunk>& chunks,
                  const std::vector<Chunk>& old,
                  const std::vector<bool>& kept);

// Which chunks a slot holds at their place, of an upgrade that was cut short for example. Reads all
// of it, on all cores. A part that cannot be read holds none.
std::vector<bool> FindKeptChunks(const Region& slot,
                                 const std::vector<Chunk>& chunks,
                                 Progress& progress);

}  // namespace ros::images
