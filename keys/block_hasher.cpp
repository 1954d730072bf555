#include "keys/block_hasher.hpp"

#include <cstring>
#include <utility>

namespace ros::keys {
namespace {

// The fast way knows one length of salt: half of a SHA-256 block, and what everybody uses.
constexpr std::size_t kSaltSize = kSha256BlockSize / 2;
constexpr std::size_t kInnerBlocks = BlockHasher::kBlockSize / kSha256BlockSize - 1;
constexpr std::byte kPaddingMark{0x80};
constexpr Bytes kBitsPerByte = 8;

using Block = std::array<std::byte, kSha256BlockSize>;

// The end of a message (FIPS 180-4, section 5.1.1): a mark, zeros, its length in bits.
void PutPadding(Block& block, std::size_t at, Bytes message_size) {
  std::memset(block.data() + at, 0, block.size() - at);
  block[at] = kPaddingMark;
  auto bits = message_size * kBitsPerByte;
  for (auto i = block.size(); bits != 0; bits /= 256) {
    block[--i] = std::byte(bits % 256);
  }
}

Digest ToDigest(const Sha256Words& words) {
  Digest digest;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    digest.bytes[i] = std::byte(words[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

}  // namespace

// The two SHA-256 blocks of a salted block that are not simply its own bytes: the salt with its
// first half block, and its last half block with the padding.
struct BlockHasher::Edges {
  Block head;
  Block tail;

  explicit Edges(const std::string& salt) : head(), tail() {
    std::memcpy(head.data(), salt.data(), kSaltSize);
    PutPadding(tail, kSaltSize, kSaltSize + kBlockSize);
  }

  void Set(const std::byte* block) {
    std::memcpy(head.data() + kSaltSize, block, kSaltSize);
    std::memcpy(tail.data(), block + kBlockSize - kSaltSize, kSaltSize);
  }
};

BlockHasher::BlockHasher(std::string salt)
    : salt_(std::move(salt)), use_lanes_(salt_.size() == kSaltSize && HasSha256Lanes()) {}

Digest BlockHasher::HashOne(ByteSpan block) {
  hash_.Update(AsBytes(salt_));
  hash_.Update(block);
  return hash_.Finish();
}

void BlockHasher::HashBlocks(ByteSpan blocks, std::span<Digest> into) {
  std::size_t i = 0;
  if (use_lanes_) {
    Edges first(salt_);
    Edges second(salt_);
    for (; i + 1 < into.size(); i += 2) {
      const auto* data = blocks.data() + i * kBlockSize;
      const auto* other = data + kBlockSize;
      first.Set(data);
      second.Set(other);
      auto state = kSha256Start;
      auto other_state = kSha256Start;
      CompressLanes(state, first.head.data(), other_state, second.head.data(), 1);
      CompressLanes(state, data + kSaltSize, other_state, other + kSaltSize, kInnerBlocks);
      CompressLanes(state, first.tail.data(), other_state, second.tail.data(), 1);
      into[i] = ToDigest(state);
      into[i + 1] = ToDigest(other_state);
    }
  }
  for (; i < into.size(); ++i) {
    into[i] = HashOne(blocks.subspan(i * kBlockSize, kBlockSize));
  }
}

}  // namespace ros::keys
