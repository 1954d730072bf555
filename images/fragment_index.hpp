#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "images/chunk_index.hpp"
#include "images/fragment.hpp"
#include "images/manifest.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// How chunks of a root are had in small parts, by a machine whose root has most of them, whatever
// version that is of (docs/delta-format.md, "Fragments"). The index says which chunks are divided;
// the layer has a table for each of them of what is in it, and behind all tables their fragments.
// Nothing of it is believed: the chunk that comes out is compared with its digest.

inline constexpr Bytes kFragmentHeaderSize = 24;

// What is in a chunk.
struct FragmentTable {
  std::vector<std::uint64_t> blocks;  // delta::NumberOfBlock of each
  std::vector<Fragment> fragments;

  bool operator==(const FragmentTable&) const = default;
};

// A chunk that is divided.
struct DividedChunk {
  std::size_t chunk = 0;  // of the root index
  keys::Digest table_digest;
  Bytes fragments_size = 0;
  Bytes table_offset = 0;      // in the layer
  Bytes fragments_offset = 0;  // the same

  bool operator==(const DividedChunk&) const = default;
};

using FragmentIndex = std::vector<DividedChunk>;  // in the order of the root index

// No index of a root index of so many chunks is longer.
Bytes MaxFragmentIndexSize(std::size_t chunks);

// The bytes of its table.
Bytes FragmentTableSize(Bytes chunk_length);

// The bytes of a table.
std::string WriteFragmentTable(const FragmentTable& table);

// Reads the table of a chunk, whose fragments must add up to `fragments_size`. Throws kVerification
// "the table of fragments: why".
FragmentTable ParseFragmentTable(ByteSpan raw, Bytes chunk_length, Bytes fragments_size);

// Fills in where in the layer everything is; returns the layer's size.
Bytes PlaceFragments(FragmentIndex& index, const std::vector<Chunk>& chunks);

// The bytes of an index. `chunks` is the root index.
std::string WriteFragmentIndex(const FragmentIndex& index, const std::vector<Chunk>& chunks);

// Reads an index of a layer of this size. Throws kVerification "the index of fragments: why".
FragmentIndex ParseFragmentIndex(ByteSpan raw, const std::vector<Chunk>& chunks, Bytes layer_size);

// What an image brings of fragments.
struct Fragments {
  Descriptor layer;
  FragmentIndex index;

  bool operator==(const Fragments&) const = default;
};

}  // namespace ros::images
