#include "images/verity.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "images/chunk_index.hpp"

namespace ros::images {
namespace {

constexpr Bytes kDigestsPerBlock = kBlockSize / kVerityDigestSize;

}  // namespace

std::vector<ByteRange> VerityLevels(Bytes data_size) {
  if (data_size == 0 || data_size % kBlockSize != 0) {
    throw Error(ErrorKind::kFailed,
                "a verity tree needs whole blocks, not " + std::to_string(data_size) + " bytes");
  }
  std::vector<ByteRange> levels;
  for (Bytes blocks = data_size / kBlockSize; blocks > 1;) {
    blocks = (blocks + kDigestsPerBlock - 1) / kDigestsPerBlock;
    levels.push_back({.length = blocks * kBlockSize});
  }
  std::ranges::reverse(levels);
  Bytes offset = 0;
  for (auto& level : levels) {
    level.offset = offset;
    offset = level.End();
  }
  return levels;
}

Bytes VerityTreeSize(Bytes data_size) {
  const auto levels = VerityLevels(data_size);
  return levels.empty() ? 0 : levels.back().End();
}

Bytes BytesNeeded(const RootDescription& root) {
  return CheckedAdd(root.size, VerityTreeSize(root.size), "the root image");
}

VerityBlockHasher::VerityBlockHasher(std::string_view salt_hex)
    : hasher_(InContext("the verity salt", [&] { return ParseHex(salt_hex); })) {}

keys::Digest VerityBlockHasher::Hash(ByteSpan block) {
  keys::Digest digest;
  hasher_.HashBlocks(block, {&digest, 1});
  return digest;
}

void VerityBlockHasher::HashAll(ByteSpan blocks, std::span<keys::Digest> into) {
  hasher_.HashBlocks(blocks, into);
}

VerityTree::VerityTree(Bytes data_size, std::string_view salt_hex, Sink sink)
    : hasher_(salt_hex), sink_(std::move(sink)), blocks_left_(data_size / kBlockSize) {
  // The top level comes first in the tree, and last here.
  auto levels = VerityLevels(data_size);
  std::ranges::reverse(levels);
  for (const auto& level : levels) {
    levels_.push_back({.offset = level.offset,
                       .size = level.length,
                       .buffer = AlignedBuffer(std::min(level.length, kMaxVerityPiece))});
  }
}

void VerityTree::Add(std::span<const keys::Digest> digests) {
  if (digests.size() > blocks_left_) {
    throw Error(ErrorKind::kFailed, "more blocks than the verity tree was made for");
  }
  blocks_left_ -= digests.size();
  for (const auto& digest : digests) {
    AddTo(0, digest);
  }
}

void VerityTree::AddTo(std::size_t level, const keys::Digest& digest) {
  if (level == levels_.size()) {
    root_hash_ = digest;
    return;
  }
  auto& found = levels_[level];
  std::memcpy(found.buffer.span().data() + found.filled, digest.bytes.data(), kVerityDigestSize);
  found.filled += kVerityDigestSize;
  if (found.filled % kBlockSize == 0) {
    FinishBlock(level);
  }
}

// The last block of the level's buffer is complete: its digest goes one level up.
void VerityTree::FinishBlock(std::size_t level) {
  auto& found = levels_[level];
  const auto block = std::as_const(found.buffer).span().subspan(found.filled - kBlockSize);
  AddTo(level + 1, hasher_.Hash(block.first(kBlockSize)));
  if (found.filled == found.buffer.size() || found.written + found.filled == found.size) {
    Flush(found);
  }
}

void VerityTree::Flush(Level& level) {
  sink_(level.offset + level.written, std::as_const(level.buffer).span().first(level.filled));
  level.written += level.filled;
  level.filled = 0;
}

std::string VerityTree::Finish() {
  if (blocks_left_ != 0) {
    throw Error(ErrorKind::kFailed,
                "the verity tree misses " + std::to_string(blocks_left_) + " blocks");
  }
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    auto& level = levels_[i];
    const Bytes padding = RoundUp(level.filled, kBlockSize) - level.filled;
    if (padding != 0) {
      std::memset(level.buffer.span().data() + level.filled, 0, padding);
      level.filled += padding;
      FinishBlock(i);
    }
  }
  return root_hash_.Hex();
}

}  // namespace ros::images
