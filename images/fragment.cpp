#include "images/fragment.hpp"

#include <algorithm>

#include "delta/packed_row.hpp"
#include "keys/digest.hpp"

namespace ros::images {

std::size_t FragmentCount(Bytes chunk_length) {
  return (chunk_length + kFragmentLength - 1) / kFragmentLength;
}

Bytes FragmentLengthAt(std::size_t fragment, Bytes chunk_length) {
  return std::min(kFragmentLength, chunk_length - fragment * kFragmentLength);
}

std::array<std::byte, 16> FragmentDigest(ByteSpan packed) {
  std::array<std::byte, 16> first{};
  std::ranges::copy_n(keys::Sha256Of(packed).bytes.begin(), first.size(), first.begin());
  return first;
}

std::vector<std::string> PackFragments(ByteSpan chunk) {
  auto fragments = delta::PackParts(chunk, kFragmentLength);
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const auto content = chunk.subspan(i * kFragmentLength, FragmentLengthAt(i, chunk.size()));
    if (fragments[i].size() >= content.size()) {
      fragments[i] = AsText(content);
    }
  }
  return fragments;
}

void UnpackFragment(ByteSpan packed, ByteSpan in_front, MutableByteSpan into) {
  if (packed.size() == into.size()) {
    std::ranges::copy(packed, into.begin());
    return;
  }
  const auto content = delta::UnpackPart(AsText(packed), into.size(), in_front);
  std::ranges::copy(AsBytes(content), into.begin());
}

}  // namespace ros::images
