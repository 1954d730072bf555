#pragma once

#include <cstddef>
#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "images/delta_index.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// Makes chunks by the patches of a delta, one thread's worth: keeps its buffers from chunk to
// chunk.
class PatchReader {
 public:
  // `patches` and `index` must live as long as this; `base` is where the other root is.
  PatchReader(const Blob& patches, const DeltaIndex& index, Region base);

  // Reads patch `number` and the ranges that it needs, and fills `into`, a whole chunk. The patch's
  // digest is compared before it is unpacked; what comes out is not judged here. False where the
  // base cannot be read or cannot be what the patch was made for. Throws kVerification for a patch
  // that is not what was signed, and what reading it throws.
  bool Make(std::size_t number, MutableByteSpan into);

 private:
  // The ranges in a row; throws what reading throws.
  [[nodiscard]] ByteSpan ReadBase(const DeltaPatch& patch);

  const Blob& patches_;
  const DeltaIndex& index_;
  Region base_;
  std::vector<Bytes> offsets_;  // of the patches in the layer
  AlignedBuffer packed_{kMaxPackedLength};
  AlignedBuffer ranges_{delta::kMaxBase};
};

}  // namespace ros::images
