#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// The index of the root layer (docs/image-format.md, "Root index"): one entry for each chunk of the
// root image, in order, without gaps. A chunk's place in the image and in the layer is the sum of
// the lengths before it.
struct Chunk {
  keys::Digest digest;              // of the unpacked bytes
  keys::Digest packed_digest;       // of its zstd frame
  std::uint32_t length = 0;         // of the unpacked bytes: a multiple of 4096, at most 1 MiB
  std::uint32_t packed_length = 0;  // of its zstd frame: at most 8 KiB more than `length`

  bool operator==(const Chunk&) const = default;
};

inline constexpr Bytes kBlockSize = 4096;
inline constexpr Bytes kMaxChunkLength = Bytes{1} << 20U;
// A frame that zstd could not make smaller is a little longer than what is in it.
inline constexpr Bytes kMaxPackedGrowth = Bytes{8} << 10U;
inline constexpr Bytes kMaxPackedLength = kMaxChunkLength + kMaxPackedGrowth;
inline constexpr std::size_t kMaxChunks = std::size_t{1} << 20U;
// Frames need no more than a window of 2^24 bytes to unpack, and carry their content size.
inline constexpr unsigned kMaxWindowLog = 24;

inline constexpr Bytes kIndexHeaderSize = 32;
inline constexpr Bytes kIndexEntrySize = 72;
inline constexpr Bytes kMaxIndexSize = kIndexHeaderSize + kMaxChunks * kIndexEntrySize;

// The bytes of an index. Throws kFailed where a chunk is outside of the limits.
std::string WriteChunkIndex(const std::vector<Chunk>& chunks);

// Reads an index whose lengths must add up to the root image's and the layer's sizes. Throws
// kVerification "the root index: entry N: why".
std::vector<Chunk> ParseChunkIndex(ByteSpan raw, Bytes root_size, Bytes packed_size);

}  // namespace ros::images
