#pragma once

#include <cstddef>
#include <functional>
#include <semaphore>
#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "images/checked_parts.hpp"
#include "images/delta_index.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// What patches are applied to, such as another root. Not more than kAtOnce threads at a time apply
// one, since each takes up to delta::kMaxApplyMemory and the ranges that the patch is made of; the
// others wait.
class PatchBase {
 public:
  static constexpr std::ptrdiff_t kAtOnce = 2;

  // Fills `into` from `offset` on, by any thread; throws where that cannot be read.
  using Reader = std::function<void(Bytes offset, MutableByteSpan into)>;

  explicit PatchBase(Reader read);

  // Fills `into`, a whole chunk, by a patch whose bytes have been compared with their digest; what
  // comes out is not judged here. False where the base cannot be read or cannot be what the patch
  // was made for.
  bool Apply(const DeltaPatch& patch, ByteSpan packed, MutableByteSpan into);

 private:
  // The ranges in a row; throws what reading throws.
  [[nodiscard]] AlignedBuffer ReadRanges(const DeltaPatch& patch) const;

  Reader read_;
  std::counting_semaphore<kAtOnce> turns_{kAtOnce};
};

// The patches of a delta, and where each is in their layer.
class PatchLayer {
 public:
  // Both live longer than this.
  PatchLayer(const Blob& blob, const DeltaIndex& index);

  [[nodiscard]] const DeltaPatch& patch(std::size_t number) const { return index_.patches[number]; }

  // Fills `into` by its bytes, which are compared with their digest; false where they are not what
  // was signed, here and elsewhere. Throws what reading them throws. Any thread.
  bool Read(std::size_t number, MutableByteSpan into) const;

  // How many of those that were read were not what was signed.
  [[nodiscard]] std::size_t damaged() const { return parts_.damaged(); }

 private:
  CheckedParts parts_;
  const DeltaIndex& index_;
  std::vector<Bytes> offsets_;
};

// Makes chunks by patches, one thread's worth: keeps its buffer from chunk to chunk.
class PatchReader {
 public:
  // Both live longer than this.
  PatchReader(const PatchLayer& patches, PatchBase& base) : patches_(patches), base_(base) {}

  // Reads patch `number` and applies it: as PatchLayer::Read and PatchBase::Apply, false where one
  // of them says so.
  bool Make(std::size_t number, MutableByteSpan into);

 private:
  const PatchLayer& patches_;
  PatchBase& base_;
  AlignedBuffer packed_{kMaxPackedLength};
};

}  // namespace ros::images
