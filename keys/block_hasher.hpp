#pragma once

#include <span>
#include <string>

#include "base/bytes.hpp"
#include "keys/digest.hpp"
#include "keys/sha256_lanes.hpp"

namespace ros::keys {

// Digests of the blocks of a row of 4096-byte blocks, each with a salt in front, as dm-verity has
// them. Not shared between threads.
class BlockHasher {
 public:
  static constexpr Bytes kBlockSize = 4096;

  explicit BlockHasher(std::string salt);

  // One digest for each block, in `into`, which has just as many. Two at a time where the machine
  // can do that for this salt (32 bytes).
  void HashBlocks(ByteSpan blocks, std::span<Digest> into);

 private:
  struct Edges;

  Digest HashOne(ByteSpan block);

  std::string salt_;
  Sha256 hash_;
  bool use_lanes_;
};

}  // namespace ros::keys
