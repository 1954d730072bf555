#include "images/fragment_index.hpp"

#include <catch2/catch.hpp>

#include "tests/images/support/error_of.hpp"

using namespace ros;
using namespace ros::images;
using fakes::CheckError;

namespace {

std::vector<Chunk> MakeChunks() {
  std::vector<Chunk> chunks(5);
  std::uint32_t blocks = 1;
  for (auto& chunk : chunks) {
    chunk.length = blocks * static_cast<std::uint32_t>(kBlockSize);
    blocks = 2 * blocks + 1;
  }
  return chunks;
}

FragmentTable MakeTable(Bytes chunk_length) {
  FragmentTable table;
  for (Bytes at = 0; at < chunk_length; at += kBlockSize) {
    table.blocks.push_back(0x0123'4567'89AB'CDEFU + at);
  }
  for (std::size_t i = 0; i < FragmentCount(chunk_length); ++i) {
    table.fragments.push_back({.digest = FragmentDigest(AsBytes(std::to_string(i))),
                               .packed_length = static_cast<std::uint16_t>(1000 + i)});
  }
  return table;
}

Bytes SizeOf(const FragmentTable& table) {
  Bytes size = 0;
  for (const auto& fragment : table.fragments) {
    size += fragment.packed_length;
  }
  return size;
}

FragmentIndex MakeIndex() {
  FragmentIndex index = {{.chunk = 0, .table_digest = keys::Sha256Of(AsBytes("a"))},
                         {.chunk = 1, .table_digest = keys::Sha256Of(AsBytes("b"))},
                         {.chunk = 4, .table_digest = keys::Sha256Of(AsBytes("c"))}};
  index[0].fragments_size = 700;
  index[1].fragments_size = 3'000;
  index[2].fragments_size = 100'000;
  return index;
}

}  // namespace

TEST_CASE("MaxFragmentIndexSize: room for the longest numbers", "[images]") {
  std::vector<Chunk> chunks(3);
  chunks[2].length = static_cast<std::uint32_t>(kBlockSize);
  FragmentIndex index = {{.chunk = 2}};
  index[0].fragments_size = ~Bytes{0};
  CHECK(WriteFragmentIndex(index, chunks).size() <= MaxFragmentIndexSize(1));
}

TEST_CASE("Fragment tables: what is written is read", "[images]") {
  const auto length = GENERATE(as<Bytes>{}, 4096, 8192, 12'288, 1U << 20U);
  const auto table = MakeTable(length);
  const auto raw = WriteFragmentTable(table);
  CHECK(raw.size() == FragmentTableSize(length));
  CHECK(ParseFragmentTable(AsBytes(raw), length, SizeOf(table)) == table);
}

TEST_CASE("Fragment tables: refuses what does not fit the chunk", "[images]") {
  constexpr Bytes kLength = 3 * kBlockSize;
  const auto refuses = [&](const FragmentTable& table, Bytes size, const std::string& why) {
    CheckError(ErrorKind::kVerification, "the table of fragments: " + why, [&] {
      (void)ParseFragmentTable(AsBytes(WriteFragmentTable(table)), kLength, size);
    });
  };
  const auto table = MakeTable(kLength);
  refuses(MakeTable(kLength + kBlockSize), SizeOf(table), "it has 68 bytes");
  refuses(table, SizeOf(table) + 1, "its fragments have 2001 bytes together and not 2002");
  auto wrong = table;
  wrong.fragments[1].packed_length = 0;
  refuses(wrong, SizeOf(wrong), "a fragment of 0 bytes");
  // The last one is a block alone.
  wrong.fragments[1].packed_length = 4097;
  refuses(wrong, SizeOf(wrong), "a fragment of 4097 bytes");
  wrong.fragments[1].packed_length = 4096;
  CHECK(ParseFragmentTable(AsBytes(WriteFragmentTable(wrong)), kLength, SizeOf(wrong)) == wrong);
}

TEST_CASE("Fragment index: what is written is read, tables in front of all fragments", "[images]") {
  const auto chunks = MakeChunks();
  auto index = MakeIndex();
  const auto size = PlaceFragments(index, chunks);
  const auto raw = WriteFragmentIndex(index, chunks);
  CHECK(ParseFragmentIndex(AsBytes(raw), chunks, size) == index);
  CHECK(index[0].table_offset == 0);
  CHECK(index[1].table_offset == FragmentTableSize(chunks[0].length));
  CHECK(index[0].fragments_offset == index[2].table_offset + FragmentTableSize(chunks[4].length));
  CHECK(index[2].fragments_offset == index[1].fragments_offset + 3'000);
  CHECK(size == index[2].fragments_offset + 100'000);
  const auto none = WriteFragmentIndex({}, chunks);
  CHECK(ParseFragmentIndex(AsBytes(none), chunks, 0).empty());
}

TEST_CASE("Fragment index: refuses what is of something else, or beyond the layer", "[images]") {
  const auto chunks = MakeChunks();
  auto index = MakeIndex();
  const auto size = PlaceFragments(index, chunks);
  const auto raw = WriteFragmentIndex(index, chunks);
  const auto refuses = [&](const std::string& changed, Bytes layer, const std::string& why) {
    CheckError(ErrorKind::kVerification, "the index of fragments: " + why, [&] {
      (void)ParseFragmentIndex(AsBytes(changed), chunks, layer);
    });
  };
  const auto with = [&](std::size_t at, char byte) {
    auto changed = raw;
    changed[at] = byte;
    return changed;
  };
  refuses("", size, "it is cut short after 0 bytes");
  refuses(with(0, 'x'), size, "it does not begin with ROSFRAGS");
  refuses(with(8, 9), size, "version 9 is not known");
  refuses(with(12, 4), size, "it is of something else");
  refuses(raw, size + 1, "it is of something else");
  refuses(raw.substr(0, raw.size() - 1), size, "it ends within a row of bytes");
  refuses(raw + raw.substr(kFragmentHeaderSize), size, "a chunk that the root index does not have");
  refuses(with(kFragmentHeaderSize, 5), size, "a chunk that the root index does not have");
  // The header says what the entries do not.
  auto longer = raw;
  StoreLe64(AsWritableBytes(longer), 16, size + 1);
  refuses(longer, size + 1, "its chunks have " + std::to_string(size) + " bytes together and not ");
  auto shorter = raw;
  StoreLe64(AsWritableBytes(shorter), 16, size - 1);
  refuses(shorter, size - 1, "its chunks have more than the layer's ");
}
