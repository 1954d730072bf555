#pragma once

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "images/checked_parts.hpp"
#include "images/fragment_plan.hpp"

namespace ros::images {

// Puts chunks together of fragments and of what another root has, one thread's worth.
class FragmentReader {
 public:
  // Both live longer than this. `layer` is the one that the fragments are in.
  FragmentReader(const CheckedParts& layer, const Region& old_root)
      : layer_(layer), old_root_(old_root) {}

  // Fills `into`, a whole chunk; what comes out is not judged here. False where a fragment is not
  // what was signed or the other root cannot be read. Throws what reading the layer throws.
  bool Make(const PlannedFragments& chunk, MutableByteSpan into);

 private:
  // What the other root has of the chunk.
  bool CopyBlocks(const PlannedFragments& chunk, MutableByteSpan into);
  // From any byte on, at most kMaxRun.
  void ReadOldRoot(Bytes place, MutableByteSpan into);
  bool Read(const Fragment& fragment, Bytes place, MutableByteSpan packed) const;
  // Fills its part of a chunk.
  static bool Unpack(ByteSpan packed, std::size_t number, MutableByteSpan chunk);

  static constexpr Bytes kMaxRun = Bytes{128} << 10U;

  const CheckedParts& layer_;
  const Region& old_root_;
  AlignedBuffer blocks_{kMaxRun + kBlockSize};
  AlignedBuffer packed_{kFragmentLength};
};

}  // namespace ros::images
