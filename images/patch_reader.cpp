#include "images/patch_reader.hpp"

#include <utility>

#include "base/error.hpp"

namespace ros::images {

PatchReader::PatchReader(const Blob& patches, const DeltaIndex& index, Region base)
    : patches_(patches), index_(index), base_(std::move(base)) {
  offsets_.reserve(index.patches.size());
  Bytes offset = 0;
  for (const auto& patch : index.patches) {
    offsets_.push_back(offset);
    offset += patch.packed_length;
  }
}

bool PatchReader::Make(std::size_t number, MutableByteSpan into) {
  const auto& patch = index_.patches[number];
  const auto packed = packed_.span().first(patch.packed_length);
  patches_.ReadAt(offsets_[number], packed);
  if (keys::Sha256Of(packed) != patch.packed_digest) {
    throw Error(ErrorKind::kVerification,
                "its patch does not have the digest of the delta index; the image is damaged");
  }
  try {
    delta::ApplyPatch(ReadBase(patch), packed, into);
    return true;
  } catch (const Error&) {
    return false;  // Of a base that is not what it was; the image has its frame.
  }
}

ByteSpan PatchReader::ReadBase(const DeltaPatch& patch) {
  Bytes length = 0;
  for (const auto& range : patch.base) {
    base_.Read(range.offset, ranges_.span().subspan(length, range.length));
    length += range.length;
  }
  return ranges_.span().first(length);
}

}  // namespace ros::images
