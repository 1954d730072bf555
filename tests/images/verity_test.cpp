#include "images/verity.hpp"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

using namespace ros;
using namespace ros::images;

namespace {

constexpr std::string_view kSalt =
    "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";
constexpr Bytes kBlock = 4096;

std::string RandomData(Bytes size) {
  std::string data(size, '\0');
  std::mt19937_64 random(size);
  for (Bytes at = 0; at + 8 <= size; at += 8) {
    const auto value = random();
    std::memcpy(data.data() + at, &value, 8);
  }
  return data;
}

struct Tree {
  std::string root_hash;
  std::string bytes;
};

// Digests are added in steps of odd size, as chunks of different lengths do.
Tree BuildTree(std::string_view data, std::string_view salt) {
  Tree tree;
  tree.bytes.assign(VerityTreeSize(data.size()), '?');
  VerityTree builder(data.size(), salt, [&](Bytes offset, ByteSpan blocks) {
    REQUIRE(offset % kBlock == 0);
    REQUIRE(blocks.size() % kBlock == 0);
    REQUIRE(offset + blocks.size() <= tree.bytes.size());
    std::memcpy(tree.bytes.data() + offset, blocks.data(), blocks.size());
  });
  VerityBlockHasher hasher(salt);
  Bytes step = 1;
  for (Bytes at = 0; at < data.size(); step = step % 300 + 7) {
    const Bytes length = std::min<Bytes>(step * kBlock, data.size() - at);
    std::vector<keys::Digest> digests(length / kBlock);
    hasher.HashAll(AsBytes(data.substr(at, length)), digests);
    builder.Add(digests);
    at += length;
  }
  tree.root_hash = builder.Finish();
  return tree;
}

Tree FormatWithVeritysetup(std::string_view data, std::string_view salt) {
  TempDirectory directory;
  const auto image = directory.path() / "image";
  const auto hashes = directory.path() / "tree";
  WriteFull(OpenFile(image, O_WRONLY | O_CREAT).get(), 0, AsBytes(data), "image");
  const auto out = RunTool({.argv = {"veritysetup",
                                     "format",
                                     "--no-superblock",
                                     "--format=1",
                                     "--hash=sha256",
                                     "--data-block-size=4096",
                                     "--hash-block-size=4096",
                                     "--salt=" + std::string(salt),
                                     image,
                                     hashes}});
  const auto at = out.find("Root hash:");
  REQUIRE(at != std::string::npos);
  const auto begin = out.find_first_not_of(" \t", at + 10);
  return {out.substr(begin, 64), ReadFile(hashes, Bytes{64} << 20U)};
}

}  // namespace

TEST_CASE("VerityTree: is byte for byte veritysetup's", "[images]") {
  const auto blocks = GENERATE(as<Bytes>(), 2, 127, 128, 129, 1000, 128 * 128 + 1);
  INFO(blocks << " blocks");
  const auto data = RandomData(blocks * kBlock);
  const auto ours = BuildTree(data, kSalt);
  const auto theirs = FormatWithVeritysetup(data, kSalt);
  CHECK(ours.root_hash == theirs.root_hash);
  CHECK(ours.bytes.size() == theirs.bytes.size());
  CHECK((ours.bytes == theirs.bytes));
}

TEST_CASE("VerityTree: one block has no tree, its digest is the root hash", "[images]") {
  const auto data = RandomData(kBlock);
  const auto ours = BuildTree(data, kSalt);
  CHECK(ours.bytes.empty());
  CHECK(ours.root_hash == FormatWithVeritysetup(data, kSalt).root_hash);
}

TEST_CASE("VerityTree: other salts give other trees, as veritysetup's", "[images]") {
  const std::string salt = GENERATE("ab", "0123456789abcdef0123456789abcdef");
  const auto data = RandomData(130 * kBlock);
  const auto ours = BuildTree(data, salt);
  const auto theirs = FormatWithVeritysetup(data, salt);
  CHECK(ours.root_hash == theirs.root_hash);
  CHECK((ours.bytes == theirs.bytes));
}

TEST_CASE("VerityTree: sizes without a whole number of blocks are refused", "[images]") {
  CHECK_THROWS_AS(VerityTreeSize(0), Error);
  CHECK_THROWS_AS(VerityTreeSize(kBlock + 1), Error);
  CHECK(VerityTreeSize(kBlock) == 0);
  CHECK(VerityTreeSize(2 * kBlock) == kBlock);
  CHECK(VerityTreeSize(129 * kBlock) == 3 * kBlock);
}

TEST_CASE("VerityTree: too few or too many blocks throw", "[images]") {
  const auto ignore = [](Bytes /*offset*/, ByteSpan /*blocks*/) {};
  VerityTree tree(3 * kBlock, kSalt, ignore);
  std::vector<keys::Digest> digests(2);
  tree.Add(digests);
  CHECK_THROWS_AS(tree.Finish(), Error);
  CHECK_THROWS_AS(tree.Add(digests), Error);
}
