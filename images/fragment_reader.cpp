#include "images/fragment_reader.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/interrupt.hpp"

namespace ros::images {

bool FragmentReader::Make(const PlannedFragments& chunk, MutableByteSpan into) {
  // First, since a fragment may need anything that is in front of it.
  bool is_right = CopyBlocks(chunk, into);
  Bytes place = chunk.offset;
  for (std::size_t i = 0; i < chunk.fragments.size(); ++i) {
    const auto& fragment = chunk.fragments[i];
    if (IsFetched(chunk, i)) {
      const auto packed = packed_.span().first(fragment.packed_length);
      if (is_right) {
        is_right = Read(fragment, place, packed) && Unpack(packed, i, into);
      } else {
        layer_.Take(place, packed);
      }
    }
    place += fragment.packed_length;
  }
  return is_right;
}

bool FragmentReader::CopyBlocks(const PlannedFragments& chunk, MutableByteSpan into) {
  const auto is_copied = [&](std::size_t block) {
    return block < chunk.places.size() && !IsFetched(chunk, block / kBlocksOfFragment);
  };
  try {
    for (std::size_t block = 0; block < chunk.places.size(); ++block) {
      if (!is_copied(block)) {
        continue;
      }
      // Blocks that follow each other there too are read at once.
      const auto first = block;
      Bytes length = kBlockSize;
      while (length < kMaxRun && is_copied(block + 1) &&
             chunk.places[block + 1] == chunk.places[first] + length) {
        length += kBlockSize;
        ++block;
      }
      ReadOldRoot(chunk.places[first], into.subspan(first * kBlockSize, length));
    }
    return true;
  } catch (const Error&) {
    ThrowIfInterrupted();
    return false;  // The image has the chunk's frame.
  }
}

void FragmentReader::ReadOldRoot(Bytes place, MutableByteSpan into) {
  const auto in_front = place % kBlockSize;
  const auto whole = (in_front + into.size() + kBlockSize - 1) / kBlockSize * kBlockSize;
  const auto blocks = blocks_.span().first(whole);
  old_root_.Read(place - in_front, blocks);
  std::ranges::copy(blocks.subspan(in_front, into.size()), into.begin());
}

bool FragmentReader::Read(const Fragment& fragment, Bytes place, MutableByteSpan packed) const {
  return layer_.Read(place, packed, [&] { return FragmentDigest(packed) == fragment.digest; });
}

bool FragmentReader::Unpack(ByteSpan packed, std::size_t number, MutableByteSpan chunk) {
  const auto at = number * kFragmentLength;
  try {
    UnpackFragment(
        packed, chunk.first(at), chunk.subspan(at, FragmentLengthAt(number, chunk.size())));
    return true;
  } catch (const Error&) {
    return false;  // It was made of something else.
  }
}

}  // namespace ros::images
