#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "images/chunk_index.hpp"

namespace ros::images {

// A small part of a chunk, packed behind what of the chunk is in front of it (docs/delta-format.md,
// "Fragments"): a machine that puts a chunk together from its start to its end has that by then.
inline constexpr std::size_t kBlocksOfFragment = 2;
inline constexpr Bytes kFragmentLength = kBlocksOfFragment * kBlockSize;

// How many a chunk of this length has, and how long one of them is: the last may be a block.
std::size_t FragmentCount(Bytes chunk_length);
Bytes FragmentLengthAt(std::size_t fragment, Bytes chunk_length);

// One as a table names it.
struct Fragment {
  // The first bytes of the SHA-256 of what is packed: nobody finds other bytes that have them.
  std::array<std::byte, 16> digest{};
  std::uint16_t packed_length = 0;  // that of the fragment where it is not packed

  bool operator==(const Fragment&) const = default;
};

// The digest that a table has of packed bytes.
std::array<std::byte, 16> FragmentDigest(ByteSpan packed);

// The packed bytes of each fragment of a chunk, as it is where that is not longer. Throws as
// delta::PackParts.
std::vector<std::string> PackFragments(ByteSpan chunk);

// Fills `into` by packed bytes that have been compared with their digest. Throws kVerification
// where they are not of its length.
void UnpackFragment(ByteSpan packed, ByteSpan in_front, MutableByteSpan into);

}  // namespace ros::images
