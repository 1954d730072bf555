#pragma once

#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "base/progress.hpp"
#include "images/chunk_index.hpp"
#include "images/fragment_index.hpp"
#include "images/image_source.hpp"
#include "images/root_reuse.hpp"

namespace ros::images {

// Where a block is that another root does not have.
inline constexpr Bytes kNowhere = ~Bytes{0};

// A chunk that is put together of fragments and of blocks that another root has.
struct PlannedFragments {
  Bytes offset = 0;  // of its first fragment in the layer
  std::vector<Fragment> fragments;
  std::vector<Bytes> places;  // of each block in the other root, at any byte; or kNowhere

  bool operator==(const PlannedFragments&) const = default;
};

struct FragmentPlan {
  Descriptor layer;
  std::vector<PlannedFragments> chunks;  // PlannedChunk::fragments says which

  bool operator==(const FragmentPlan&) const = default;
};

// Whether a fragment has to be fetched: the other root does not have all of its blocks.
bool IsFetched(const PlannedFragments& chunk, std::size_t fragment);

// What an image has of fragments; its index is fetched. Throws what ReadBlob and ParseFragmentIndex
// throw.
Fragments ReadFragments(const ImageSource& source,
                        const FragmentLayers& layers,
                        const std::vector<Chunk>& chunks);

// An image that has fragments. All live longer than this.
struct FragmentedImage {
  const ImageSource& source;
  const std::vector<Chunk>& chunks;
  const Fragments& fragments;
};

// Another root of the machine, in a slot.
struct SearchedRoot {
  Region slot;
  Bytes size = 0;  // of the root, of whole blocks
};

// Looks for what the divided chunks are made of in another root, of those chunks that the plan
// would have from the image; where less is to be fetched so, the plan says that, with what
// comes between fragments. Reads their tables in the layer and all of the other root, on all cores.
// Looks for 256 MiB of chunks at most, which takes 4 MiB of memory; what is beyond that comes as it
// would have come. A part of the root that cannot be read has nothing; a table that is not what was
// signed is told as a warning. Throws what reading the image throws.
FragmentPlan PlanFragments(const FragmentedImage& image,
                           const SearchedRoot& other,
                           RootPlan& plan,
                           Progress& progress);

}  // namespace ros::images
