#include "keys/block_hasher.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace ros;
using namespace ros::keys;

namespace {

std::string RandomBytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (auto& c : bytes) {
    c = static_cast<char>(random());
  }
  return bytes;
}

}  // namespace

TEST_CASE("CompressLanes: one block of padding gives the digest of nothing", "[keys]") {
  if (!HasSha256Lanes()) {
    WARN("this machine has no SHA extensions");
    return;
  }
  std::array<std::byte, kSha256BlockSize> block{};
  block[0] = std::byte{0x80};
  auto first = kSha256Start;
  auto second = kSha256Start;
  CompressLanes(first, block.data(), second, block.data(), 1);
  CHECK(first == Sha256Words{0xe3b0c442,
                             0x98fc1c14,
                             0x9afbf4c8,
                             0x996fb924,
                             0x27ae41e4,
                             0x649b934c,
                             0xa495991b,
                             0x7852b855});
  CHECK(first == second);
}

TEST_CASE("BlockHasher: is the same as OpenSSL, for every number of blocks and salt", "[keys]") {
  const auto salt_size = GENERATE(as<std::size_t>(), 0, 1, 16, 31, 32, 33, 64);
  const auto salt = RandomBytes(salt_size, 1);
  BlockHasher hasher(salt);
  for (const std::size_t blocks : {1U, 2U, 3U, 4U, 31U, 256U}) {
    const auto data = RandomBytes(blocks * BlockHasher::kBlockSize, static_cast<unsigned>(blocks));
    std::vector<Digest> expected;
    for (std::size_t i = 0; i < blocks; ++i) {
      expected.push_back(Sha256Of(AsBytes(salt + data.substr(i * 4096, 4096))));
    }
    std::vector<Digest> found(blocks);
    hasher.HashBlocks(AsBytes(data), found);
    CHECK(found == expected);
  }
}
