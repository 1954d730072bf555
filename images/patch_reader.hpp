#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "images/delta_index.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// What patches are applied to, such as another root. Threads take turns: unpacking a patch takes
// memory, and little time beside its way over the network.
class PatchBase {
 public:
  // Fills `into` from `offset` on; throws where that cannot be read.
  using Reader = std::function<void(Bytes offset, MutableByteSpan into)>;

  explicit PatchBase(Reader read);

  // Fills `into`, a whole chunk, by a patch whose bytes have been compared with their digest; what
  // comes out is not judged here. False where the base cannot be read or cannot be what the patch
  // was made for.
  bool Apply(const DeltaPatch& patch, ByteSpan packed, MutableByteSpan into);

 private:
  // The ranges in a row; throws what reading throws.
  [[nodiscard]] ByteSpan ReadRanges(const DeltaPatch& patch);

  std::mutex mutex_;
  Reader read_;
  AlignedBuffer ranges_{delta::kMaxBase};
};

// The patches of a delta, and where each is in their layer.
class PatchLayer {
 public:
  // Both live longer than this.
  PatchLayer(const Blob& blob, const DeltaIndex& index);

  [[nodiscard]] const DeltaPatch& patch(std::size_t number) const { return index_.patches[number]; }

  // Fills `into` by its bytes, which are compared with their digest. Throws kVerification for one
  // that is not what was signed, and what reading it throws. Any thread.
  void Read(std::size_t number, MutableByteSpan into) const;

 private:
  const Blob& blob_;
  const DeltaIndex& index_;
  std::vector<Bytes> offsets_;
};

// Makes chunks by patches, one thread's worth: keeps its buffer from chunk to chunk.
class PatchReader {
 public:
  // Both live longer than this.
  PatchReader(const PatchLayer& patches, PatchBase& base) : patches_(patches), base_(base) {}

  // Reads patch `number` and applies it: as PatchLayer::Read and PatchBase::Apply.
  bool Make(std::size_t number, MutableByteSpan into);

 private:
  const PatchLayer& patches_;
  PatchBase& base_;
  AlignedBuffer packed_{kMaxPackedLength};
};

}  // namespace ros::images
