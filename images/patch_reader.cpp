#include "images/patch_reader.hpp"

#include <utility>

#include "base/error.hpp"

namespace ros::images {

PatchBase::PatchBase(Reader read) : read_(std::move(read)) {}

bool PatchBase::Apply(const DeltaPatch& patch, ByteSpan packed, MutableByteSpan into) {
  const std::lock_guard lock(mutex_);
  try {
    delta::ApplyPatch(ReadRanges(patch), packed, into);
    return true;
  } catch (const Error&) {
    return false;  // Of a base that is not what it was; the image has the chunk's frame.
  }
}

ByteSpan PatchBase::ReadRanges(const DeltaPatch& patch) {
  Bytes length = 0;
  for (const auto& range : patch.base) {
    read_(range.offset, ranges_.span().subspan(length, range.length));
    length += range.length;
  }
  return ranges_.span().first(length);
}

PatchLayer::PatchLayer(const Blob& blob, const DeltaIndex& index) : blob_(blob), index_(index) {
  offsets_.reserve(index.patches.size());
  Bytes offset = 0;
  for (const auto& patch : index.patches) {
    offsets_.push_back(offset);
    offset += patch.packed_length;
  }
}

void PatchLayer::Read(std::size_t number, MutableByteSpan into) const {
  blob_.ReadAt(offsets_[number], into);
  const auto is_right = [&] { return keys::Sha256Of(into) == patch(number).packed_digest; };
  if (!is_right() && !blob_.ReadElsewhere(offsets_[number], into, is_right)) {
    throw Error(ErrorKind::kVerification,
                "its patch does not have the digest of the delta index; the image is damaged");
  }
}

bool PatchReader::Make(std::size_t number, MutableByteSpan into) {
  const auto& patch = patches_.patch(number);
  const auto packed = packed_.span().first(patch.packed_length);
  patches_.Read(number, packed);
  return base_.Apply(patch, packed, into);
}

}  // namespace ros::images
