#include "images/chunk_index.hpp"

#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

std::vector<Chunk> SomeChunks() {
  const auto chunk = [](const char* text, std::uint32_t length, std::uint32_t packed_length) {
    return Chunk{.digest = keys::Sha256Of(AsBytes(text)),
                 .packed_digest = keys::Sha256Of(AsBytes("packed")),
                 .length = length,
                 .packed_length = packed_length};
  };
  return {chunk("a", 4096, 100), chunk("b", 1048576, 1050000), chunk("c", 8192, 1)};
}

constexpr Bytes kRootSize = 4096 + 1048576 + 8192;
constexpr Bytes kPackedSize = 100 + 1050000 + 1;

}  // namespace

TEST_CASE("ChunkIndex: reads what it writes", "[images]") {
  const auto raw = WriteChunkIndex(SomeChunks());
  CHECK(raw.size() == kIndexHeaderSize + 3 * kIndexEntrySize);
  CHECK(ParseChunkIndex(AsBytes(raw), kRootSize, kPackedSize) == SomeChunks());
}

TEST_CASE("ChunkIndex: the format does not change by accident", "[images]") {
  const auto raw = WriteChunkIndex({SomeChunks().front()});
  CHECK(ToHex(AsBytes(raw)) ==
        "524f53494e444558"  // ROSINDEX
        "01000000"          // version
        "01000000"          // entries
        "0010000000000000"  // root image
        "6400000000000000"  // layer
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
        "88cb8a087b6e8cebfc9ae5602f5a2159a6bcf923e7f2c56809bcda6cad1727a7"
        "00100000"
        "64000000");
}

TEST_CASE("WriteChunkIndex: refuses what could not be read", "[images]") {
  CHECK_THROWS_AS(WriteChunkIndex({}), Error);
  for (const std::uint32_t length : {0U, 1U, 4095U, 1048576U + 4096U}) {
    CHECK_THROWS_AS(WriteChunkIndex({{.length = length, .packed_length = 10}}), Error);
  }
  CHECK_THROWS_AS(WriteChunkIndex({{.length = 4096, .packed_length = 0}}), Error);
  CHECK_THROWS_AS(WriteChunkIndex({{.length = 4096, .packed_length = 4096 + 8193}}), Error);
}

TEST_CASE("ParseChunkIndex: refuses hostile bytes, naming the place", "[images]") {
  struct Case {
    std::size_t offset;
    std::uint32_t value;
    const char* message;
  };

  const auto case_ = GENERATE(values<Case>({
      {0, 0x12345678, "does not begin with ROSINDEX"},
      {8, 2, "version 2 is not known"},
      {12, 0, "0 entries"},
      {12, 2, "2 entries make"},
      {12, 0xffffffff, "4294967295 entries"},
      {16, 1, "the root image is"},
      {20, 1, "the root image is"},
      {24, 1, "the root layer is"},
      {32 + 64, 0, "entry 0: a length of 0"},
      {32 + 64, 4097, "entry 0: a length of 4097"},
      {104 + 64, 1048576 + 4096, "entry 1: a length of 1052672"},
      {104 + 64, 0xfffff000, "entry 1: a length of 4294963200"},
      {176 + 64, 4096, "the sum of all chunks"},
      {176 + 68, 0, "entry 2: a packed length of 0"},
      {176 + 68, 0xffffffff, "entry 2: a packed length"},
      {176 + 68, 2, "the sum of all packed chunks"},
  }));
  auto raw = WriteChunkIndex(SomeChunks());
  StoreLe32(AsWritableBytes(raw), case_.offset, case_.value);
  CheckError(ErrorKind::kVerification, case_.message, [&] {
    ParseChunkIndex(AsBytes(raw), kRootSize, kPackedSize);
  });
}

TEST_CASE("ParseChunkIndex: refuses every other length", "[images]") {
  const auto raw = WriteChunkIndex(SomeChunks());
  for (std::size_t length = 0; length < raw.size(); ++length) {
    CHECK_THROWS_AS(ParseChunkIndex(AsBytes(raw).first(length), kRootSize, kPackedSize), Error);
  }
  CHECK_THROWS_AS(ParseChunkIndex(AsBytes(raw + '\0'), kRootSize, kPackedSize), Error);
}
