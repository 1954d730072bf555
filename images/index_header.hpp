#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::images {

// What the indexes of an image begin with: eight bytes that tell which one it is, the version 1 and
// a number of chunks, both of four bytes, little-endian.
inline constexpr std::size_t kIndexMagicSize = 8;

// The first bytes of a header; what is behind them, up to `size`, is zero.
std::string MakeIndexHeader(std::string_view magic, std::size_t chunks, Bytes size);

// The number of chunks, which may be anything. Throws kVerification where a header of this size is
// not there, or is of something else.
std::uint32_t ReadIndexHeader(ByteSpan raw, std::string_view magic, Bytes size);

}  // namespace ros::images
