#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "images/image_config.hpp"
#include "keys/block_hasher.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// dm-verity's hash tree, byte for byte as `veritysetup format --no-superblock` makes it: format 1,
// SHA-256, blocks of 4096 bytes, 128 digests a block, the top level first. The tree has no block
// at all when there is one data block: its digest is the root hash then.
// (Linux, Documentation/admin-guide/device-mapper/verity.rst.)

inline constexpr Bytes kVerityDigestSize = 32;

// Size of the tree of an image of `data_size` bytes (a multiple of 4096, at least 4096).
Bytes VerityTreeSize(Bytes data_size);

// The levels of this tree as ranges in it, the top one first; the last one has the data blocks' own
// digests. There is none for one data block.
std::vector<ByteRange> VerityLevels(Bytes data_size);

// Bytes that a slot must have for this root: the image and its verity tree.
Bytes BytesNeeded(const RootDescription& root);

// Digests of single blocks: SHA-256 of the salt, then the block. Not shared between threads.
class VerityBlockHasher {
 public:
  // Throws kVerification when the salt is not hex.
  explicit VerityBlockHasher(std::string_view salt_hex);

  // `block` has 4096 bytes.
  keys::Digest Hash(ByteSpan block);
  // One digest for each 4096 bytes of `blocks`, in `into`, which has just as many.
  void HashAll(ByteSpan blocks, std::span<keys::Digest> into);

 private:
  keys::BlockHasher hasher_;
};

// The longest piece of a tree that a VerityTree gives out at once.
inline constexpr Bytes kMaxVerityPiece = Bytes{256} << 10U;

// Builds the tree from the data blocks' digests, as they come. Memory does not grow with the image:
// at most kMaxVerityPiece for each of the few levels.
class VerityTree {
 public:
  // Receives pieces of the tree: whole blocks, aligned memory, `offset` counts from the tree's
  // start. Each block comes once; the levels come interleaved.
  using Sink = std::function<void(Bytes offset, ByteSpan blocks)>;

  VerityTree(Bytes data_size, std::string_view salt_hex, Sink sink);

  // Digests of the next data blocks.
  void Add(std::span<const keys::Digest> digests);
  // The root hash in hex, after the digests of all data blocks; the sink has received all then.
  // Throws kFailed when their number is wrong.
  std::string Finish();

 private:
  struct Level {
    Bytes offset = 0;   // in the tree
    Bytes size = 0;     // bytes of the whole level
    Bytes written = 0;  // bytes given to the sink
    Bytes filled = 0;   // bytes of `buffer` that are in use
    AlignedBuffer buffer{0};
  };

  void AddTo(std::size_t level, const keys::Digest& digest);
  void FinishBlock(std::size_t level);
  void Flush(Level& level);

  std::vector<Level> levels_;  // [0] holds the digests of data blocks
  VerityBlockHasher hasher_;
  Sink sink_;
  Bytes blocks_left_;
  keys::Digest root_hash_;
};

}  // namespace ros::images
