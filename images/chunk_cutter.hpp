#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/bytes.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// How a root image is cut into chunks: docs/chunking.md.

inline constexpr std::uint64_t kMinChunkBlocks = 32;   // 128 KiB
inline constexpr std::uint64_t kMaxChunkBlocks = 256;  // 1 MiB

// A run of blocks of 4096 bytes that belong together: a small file, a large file, or what belongs
// to no file (metadata).
struct ImageSpan {
  enum class Kind { kFile, kMetadata };

  std::uint64_t first = 0;  // block
  std::uint64_t count = 0;
  Kind kind = Kind::kFile;

  bool operator==(const ImageSpan&) const = default;
};

// What one reading of an image tells.
struct ImageScan {
  keys::Digest digest;      // of the whole image
  std::vector<bool> marks;  // for each block: whether its content says "a good place to cut"
};

// The spans of an erofs image, in order, covering all of it. Throws as ReadErofs does.
std::vector<ImageSpan> MapSpans(const std::filesystem::path& erofs_image);

// Reads the image once. Throws kFailed.
ImageScan ScanImage(const std::filesystem::path& image);

// Whether a block's content marks a place to cut: true for one block in 32.
bool IsMarked(ByteSpan block);

// The lengths of the chunks in bytes, in order: each a multiple of 4096, at most 1 MiB. Depends on
// its arguments only. `marks` has an entry for each block of `spans`.
std::vector<std::uint32_t> CutChunks(const std::vector<ImageSpan>& spans,
                                     const std::vector<bool>& marks);

}  // namespace ros::images
