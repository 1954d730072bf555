#include "images/patch_reader.hpp"

#include <utility>

#include "base/error.hpp"

namespace ros::images {
namespace {

// A turn at something that not all threads may do at once.
template <std::ptrdiff_t kMost>
class Turn {
 public:
  explicit Turn(std::counting_semaphore<kMost>& turns) : turns_(turns) { turns_.acquire(); }

  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  Turn(Turn&&) = delete;
  Turn& operator=(Turn&&) = delete;

  ~Turn() { turns_.release(); }

 private:
  std::counting_semaphore<kMost>& turns_;
};

}  // namespace

PatchBase::PatchBase(Reader read) : read_(std::move(read)) {}

bool PatchBase::Apply(const DeltaPatch& patch, ByteSpan packed, MutableByteSpan into) {
  const Turn turn(turns_);
  try {
    const auto ranges = ReadRanges(patch);
    delta::ApplyPatch(ranges.span(), packed, into);
    return true;
  } catch (const Error&) {
    return false;  // Of a base that is not what it was; the image has the chunk's frame.
  }
}

AlignedBuffer PatchBase::ReadRanges(const DeltaPatch& patch) const {
  Bytes length = 0;
  for (const auto& range : patch.base) {
    length += range.length;
  }
  AlignedBuffer ranges(length);
  Bytes at = 0;
  for (const auto& range : patch.base) {
    read_(range.offset, ranges.span().subspan(at, range.length));
    at += range.length;
  }
  return ranges;
}

PatchLayer::PatchLayer(const Blob& blob, const DeltaIndex& index) : parts_(blob), index_(index) {
  offsets_.reserve(index.patches.size());
  Bytes offset = 0;
  for (const auto& patch : index.patches) {
    offsets_.push_back(offset);
    offset += patch.packed_length;
  }
}

bool PatchLayer::Read(std::size_t number, MutableByteSpan into) const {
  return parts_.Read(
      offsets_[number], into, [&] { return keys::Sha256Of(into) == patch(number).packed_digest; });
}

bool PatchReader::Make(std::size_t number, MutableByteSpan into) {
  const auto& patch = patches_.patch(number);
  const auto packed = packed_.span().first(patch.packed_length);
  return patches_.Read(number, packed) && base_.Apply(patch, packed, into);
}

}  // namespace ros::images
