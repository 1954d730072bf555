#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "delta/patch.hpp"
#include "images/chunk_index.hpp"
#include "images/manifest.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// How each chunk of a root, kernel or initrd is made from one other, its base
// (docs/delta-format.md). Nothing of it is believed: what comes out is compared with the digest of
// the root index, or of the file.

inline constexpr std::size_t kMaxBaseRanges = 8;
inline constexpr Bytes kDeltaHeaderSize = 32;
inline constexpr Bytes kMaxDeltaIndexSize = kMaxIndexSize;

// A chunk that a patch makes of ranges of the base, put in a row.
struct DeltaPatch {
  std::vector<ByteRange> base;      // at least one, of whole blocks, together at most kMaxBase
  keys::Digest packed_digest;       // of the patch
  std::uint32_t packed_length = 0;  // 1 to kMaxPackedLength; patches lie in the layer in a row

  bool operator==(const DeltaPatch&) const = default;
};

struct DeltaChunk {
  enum class Kind {
    kFrame,  // its frame in the root layer is as good
    kCopy,   // the base has it, at `offset`
    kPatch,  // DeltaIndex::patches has it, the next one in order
  } kind = Kind::kFrame;

  Bytes offset = 0;

  bool operator==(const DeltaChunk&) const = default;
};

struct DeltaIndex {
  Bytes base_size = 0;             // of the other root
  std::vector<DeltaChunk> chunks;  // one for each of the root index, in order
  std::vector<DeltaPatch> patches;

  bool operator==(const DeltaIndex&) const = default;
};

// The bytes that a patch needs of the base.
Bytes BaseLength(const DeltaPatch& patch);

// The bytes of an index. Throws kFailed for one that is outside of the limits. `chunks` is the root
// index.
std::string WriteDeltaIndex(const DeltaIndex& index, const std::vector<Chunk>& chunks);

// Of how many chunks an index says that it is, which may be anything. Throws as ParseDeltaIndex for
// one that does not begin as such.
std::uint32_t DeltaChunkCount(ByteSpan raw);

// Reads one whose patches must add up to `patches_size`. Throws kVerification "the delta index:
// why".
DeltaIndex ParseDeltaIndex(ByteSpan raw, const std::vector<Chunk>& chunks, Bytes patches_size);

// A delta that an image brings and a machine may use.
struct Delta {
  Descriptor patches;  // the layer
  DeltaIndex index;

  bool operator==(const Delta&) const = default;
};

}  // namespace ros::images
