#include "images/delta_index.hpp"

#include "delta/numbers.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

using Kind = DeltaChunk::Kind;

constexpr Bytes kBaseSize = 100 * kBlockSize;
constexpr Bytes kPatchesSize = 300;

std::vector<Chunk> SomeChunks() {
  std::vector<Chunk> chunks;
  for (const std::uint32_t blocks : {1U, 2U, 3U, 4U, 5U, 6U, 7U}) {
    chunks.push_back({.digest = keys::Sha256Of(AsBytes("chunk")),
                      .length = blocks * static_cast<std::uint32_t>(kBlockSize),
                      .packed_length = 10});
  }
  return chunks;
}

DeltaPatch SomePatch(std::uint32_t length, std::vector<ByteRange> base) {
  return {.base = std::move(base),
          .packed_digest = keys::Sha256Of(AsBytes("patch")),
          .packed_length = length};
}

// Copies that follow each other and one that does not, patches, frames.
DeltaIndex SomeIndex() {
  return {.base_size = kBaseSize,
          .chunks = {{.kind = Kind::kCopy, .offset = 10 * kBlockSize},
                     {.kind = Kind::kCopy, .offset = 11 * kBlockSize},
                     {.kind = Kind::kCopy, .offset = 0},
                     {.kind = Kind::kPatch},
                     {.kind = Kind::kFrame},
                     {.kind = Kind::kFrame},
                     {.kind = Kind::kPatch}},
          .patches = {SomePatch(100, {{.offset = 3 * kBlockSize, .length = kBlockSize}}),
                      SomePatch(200,
                                {{.offset = 0, .length = 2 * kBlockSize},
                                 {.offset = 90 * kBlockSize, .length = 10 * kBlockSize}})}};
}

void CheckRefused(const std::string& raw, const char* part) {
  CheckError(ErrorKind::kVerification, part, [&] {
    (void)ParseDeltaIndex(AsBytes(raw), SomeChunks(), kPatchesSize);
  });
}

// An index that begins as SomeIndex does, with these numbers for the rest.
std::string WithEntries(std::initializer_list<std::int64_t> numbers) {
  auto raw = WriteDeltaIndex(SomeIndex(), SomeChunks()).substr(0, kDeltaHeaderSize);
  for (const auto number : numbers) {
    delta::AppendNumber(raw, static_cast<std::uint64_t>(number));
  }
  return raw;
}

}  // namespace

TEST_CASE("DeltaIndex: reads what it writes", "[images]") {
  const auto raw = WriteDeltaIndex(SomeIndex(), SomeChunks());
  CHECK(ParseDeltaIndex(AsBytes(raw), SomeChunks(), kPatchesSize) == SomeIndex());
}

TEST_CASE("DeltaIndex: the format does not change by accident", "[images]") {
  const auto digest = keys::Sha256Of(AsBytes("patch")).Hex();
  CHECK(ToHex(AsBytes(WriteDeltaIndex(SomeIndex(), SomeChunks()))) ==
        "524f5344454c5441"  // ROSDELTA
        "01000000"          // version
        "07000000"          // chunks
        "0040060000000000"  // base
        "2c01000000000000"  // patches
        "010214"            // two copies, from block 10
        "010119"            // one copy, 13 blocks back
        "020100"
        "01"
        "64" +
            digest +  // a patch of one range where the last ended, one block long
            "0002"    // two frames
            "020207"
            "02"
            "b001"
            "0a"
            "c801" +
            digest);
}

TEST_CASE("ParseDeltaIndex: refuses hostile bytes with the reason", "[images]") {
  const auto good = WriteDeltaIndex(SomeIndex(), SomeChunks());
  CheckRefused("", "it is cut short after 0 bytes");
  CheckRefused(Replace(good, "ROSDELTA", "ROSINDEX"), "does not begin with ROSDELTA");
  auto other = good;
  other[8] = 2;
  CheckRefused(other, "version 2 is not known");
  other = good;
  other[12] = 6;
  CheckRefused(other, "it is of something else");
  other = good;
  other[24] = 0;
  CheckRefused(other, "it is of something else");
  CheckRefused(good + "x", "something behind its last chunk");
  CheckRefused(good.substr(0, good.size() - 1), "ends within a row of bytes");
  CheckRefused(WithEntries({3}), "unknown kind");
  CheckRefused(WithEntries({0, 8}), "a run of 8 chunks");
  CheckRefused(WithEntries({0, 0}), "a run of 0 chunks");
  CheckRefused(WithEntries({1, 1, 1}), "a place beyond any root");  // -1
  CheckRefused(WithEntries({1, 7, 2 * 99}), "not of whole blocks of a base");
  CheckRefused(WithEntries({2, 0}), "a patch of 0 ranges");
  CheckRefused(WithEntries({2, 9}), "a patch of 9 ranges");
  CheckRefused(WithEntries({2, 1, 0, 513}), "more than 2 MiB of the base");
  CheckRefused(WithEntries({2, 1, 0, 1, 1 << 21}), "a patch of 2097152 bytes");
  CheckRefused(WithEntries({0, 7}), "have 0 bytes together and not 300");
}

TEST_CASE("WriteDeltaIndex: refuses what could not be read", "[images]") {
  const auto refuse = [](auto change) {
    auto index = SomeIndex();
    change(index);
    CHECK_THROWS_AS(WriteDeltaIndex(index, SomeChunks()), Error);
  };
  refuse([](DeltaIndex& index) { index.chunks.pop_back(); });
  refuse([](DeltaIndex& index) { index.patches.pop_back(); });
  refuse([](DeltaIndex& index) { index.chunks[0].offset = 1; });
  refuse([](DeltaIndex& index) { index.chunks[0].offset = kBaseSize; });
  refuse([](DeltaIndex& index) { index.patches[0].base[0].length = 1; });
  refuse([](DeltaIndex& index) { index.patches[0].base[0].length = 0; });
  refuse([](DeltaIndex& index) { index.patches[0].base[0].length = kBaseSize + kBlockSize; });
  refuse([](DeltaIndex& index) { index.patches[0].base.clear(); });
  refuse([](DeltaIndex& index) { index.patches[0].base.resize(9, {.offset = 0, .length = 4096}); });
  refuse([](DeltaIndex& index) { index.patches[0].packed_length = 0; });
}
