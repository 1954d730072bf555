#include "images/chunk_index.hpp"

#include <cstring>

#include "base/error.hpp"
#include "images/index_header.hpp"

namespace ros::images {
namespace {

// Header: that of any index, size of the root image (u64), size of the layer (u64). Entry: digest
// (32 bytes), digest of the frame (32 bytes), length (u32), packed length (u32). Numbers are
// little-endian.
constexpr std::string_view kIndexMagic = "ROSINDEX";
constexpr std::size_t kRootSizeOffset = 16;
constexpr std::size_t kPackedSizeOffset = 24;
constexpr std::size_t kChunkDigestSize = 32;
constexpr std::size_t kPackedDigest = kChunkDigestSize;  // in an entry
constexpr std::size_t kLength = 2 * kChunkDigestSize;
constexpr std::size_t kPackedLength = kLength + sizeof(std::uint32_t);

[[noreturn]] void RefuseIndex(const std::string& why) {
  throw Error(ErrorKind::kVerification, "the root index: " + why);
}

std::string WhyNotAChunk(const Chunk& chunk) {
  if (chunk.length == 0 || chunk.length % kBlockSize != 0 || chunk.length > kMaxChunkLength) {
    return "a length of " + std::to_string(chunk.length) + " is not a multiple of " +
           std::to_string(kBlockSize) + " up to " + std::to_string(kMaxChunkLength);
  }
  const Bytes most = chunk.length + kMaxPackedGrowth;
  if (chunk.packed_length == 0 || chunk.packed_length > most) {
    return "a packed length of " + std::to_string(chunk.packed_length) + " is not from 1 to " +
           std::to_string(most);
  }
  return {};
}

struct Sums {
  Bytes length = 0;
  Bytes packed_length = 0;

  // Cannot overflow: at most kMaxChunks entries of at most kMaxPackedLength.
  void Add(const Chunk& chunk) {
    length += chunk.length;
    packed_length += chunk.packed_length;
  }
};

std::uint32_t CheckHeader(ByteSpan raw) {
  const auto count = InContext("the root index",
                               [&] { return ReadIndexHeader(raw, kIndexMagic, kIndexHeaderSize); });
  if (count == 0 || count > kMaxChunks) {
    RefuseIndex(std::to_string(count) + " entries are not from 1 to " + std::to_string(kMaxChunks));
  }
  const Bytes expected = kIndexHeaderSize + count * kIndexEntrySize;
  if (raw.size() != expected) {
    RefuseIndex(std::to_string(count) + " entries make " + std::to_string(expected) +
                " bytes, but it has " + std::to_string(raw.size()));
  }
  return count;
}

void CheckSize(std::string_view what, Bytes found, Bytes expected) {
  if (found != expected) {
    RefuseIndex(std::string(what) + " is " + std::to_string(found) + " bytes here, but " +
                std::to_string(expected) + " in the image");
  }
}

}  // namespace

std::string WriteChunkIndex(const std::vector<Chunk>& chunks) {
  if (chunks.empty() || chunks.size() > kMaxChunks) {
    throw Error(ErrorKind::kFailed,
                "a root index of " + std::to_string(chunks.size()) + " chunks cannot be written");
  }
  auto raw = MakeIndexHeader(
      kIndexMagic, chunks.size(), kIndexHeaderSize + chunks.size() * kIndexEntrySize);
  const auto bytes = AsWritableBytes(raw);
  Sums sums;
  std::size_t at = kIndexHeaderSize;
  for (const auto& chunk : chunks) {
    if (const auto why = WhyNotAChunk(chunk); !why.empty()) {
      throw Error(ErrorKind::kFailed, "writing the root index: " + why);
    }
    sums.Add(chunk);
    std::memcpy(bytes.data() + at, chunk.digest.bytes.data(), kChunkDigestSize);
    std::memcpy(
        bytes.data() + at + kPackedDigest, chunk.packed_digest.bytes.data(), kChunkDigestSize);
    StoreLe32(bytes, at + kLength, chunk.length);
    StoreLe32(bytes, at + kPackedLength, chunk.packed_length);
    at += kIndexEntrySize;
  }
  StoreLe64(bytes, kRootSizeOffset, sums.length);
  StoreLe64(bytes, kPackedSizeOffset, sums.packed_length);
  return raw;
}

std::vector<Chunk> ParseChunkIndex(ByteSpan raw, Bytes root_size, Bytes packed_size) {
  const auto count = CheckHeader(raw);
  CheckSize("the root image", LoadLe64(raw, kRootSizeOffset), root_size);
  CheckSize("the root layer", LoadLe64(raw, kPackedSizeOffset), packed_size);
  std::vector<Chunk> chunks(count);
  Sums sums;
  std::size_t at = kIndexHeaderSize;
  for (std::size_t i = 0; i < chunks.size(); ++i, at += kIndexEntrySize) {
    auto& chunk = chunks[i];
    std::memcpy(chunk.digest.bytes.data(), raw.data() + at, kChunkDigestSize);
    std::memcpy(
        chunk.packed_digest.bytes.data(), raw.data() + at + kPackedDigest, kChunkDigestSize);
    chunk.length = LoadLe32(raw, at + kLength);
    chunk.packed_length = LoadLe32(raw, at + kPackedLength);
    if (const auto why = WhyNotAChunk(chunk); !why.empty()) {
      RefuseIndex("entry " + std::to_string(i) + ": " + why);
    }
    sums.Add(chunk);
  }
  CheckSize("the sum of all chunks", sums.length, root_size);
  CheckSize("the sum of all packed chunks", sums.packed_length, packed_size);
  return chunks;
}

}  // namespace ros::images
