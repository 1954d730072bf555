#include <algorithm>
#include <string>

#include "delta/block_search.hpp"
#include "fuzz/target.hpp"
#include "images/fragment_index.hpp"

namespace ros::fuzz {
namespace {

// Where the header of an index says how long the layer is (docs/delta-format.md).
constexpr std::size_t kLayerSizeAt = 16;
constexpr Bytes kChunkLength = 5 * images::kBlockSize;

// The root index that the fragments are of.
std::vector<images::Chunk> Chunks() {
  std::vector<images::Chunk> chunks(6);
  for (auto& chunk : chunks) {
    chunk.length = static_cast<std::uint32_t>(kChunkLength);
  }
  return chunks;
}

std::string Content() {
  std::string content(kChunkLength, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>((i * i / 7) ^ (i >> 9U));
  }
  return content;
}

void ReadIndex(ByteSpan input) {
  const auto chunks = Chunks();
  const Bytes size =
      input.size() >= images::kFragmentHeaderSize ? LoadLe64(input, kLayerSizeAt) : 0;
  const auto index = images::ParseFragmentIndex(input, chunks, size);
  for (const auto& divided : index) {
    Expect(divided.chunk < chunks.size(), "each is of a chunk that there is");
    Expect(divided.table_offset + images::FragmentTableSize(kChunkLength) <= size &&
               divided.fragments_offset + divided.fragments_size <= size,
           "all of it is in the layer");
  }
  const auto written = images::WriteFragmentIndex(index, chunks);
  Expect(images::ParseFragmentIndex(AsBytes(written), chunks, size) == index,
         "what is written reads the same");
}

void ReadTable(ByteSpan input) {
  Bytes size = 0;
  const auto entries = kChunkLength / images::kBlockSize * 8;
  for (std::size_t i = 0; entries + (i + 1) * 18 <= input.size(); ++i) {
    size += LoadLe16(input, entries + i * 18);
  }
  const auto table = images::ParseFragmentTable(input, kChunkLength, size);
  Expect(AsText(input) == images::WriteFragmentTable(table), "what is read is written the same");
}

}  // namespace

// The same bytes as an index, as a table, and as a fragment.
void Run(ByteSpan input) {
  Succeeds([&] { ReadIndex(input); });
  Succeeds([&] { ReadTable(input); });
  const auto content = Content();
  const auto in_front = AsBytes(content).first(images::kFragmentLength);
  std::vector<std::byte> into(images::kFragmentLength);
  images::UnpackFragment(input, in_front, into);
}

std::vector<Seed> Seeds() {
  const auto chunks = Chunks();
  const auto content = Content();
  const auto fragments = images::PackFragments(AsBytes(content));
  images::FragmentTable table;
  Bytes size = 0;
  for (Bytes at = 0; at < kChunkLength; at += images::kBlockSize) {
    table.blocks.push_back(delta::NumberOfBlock(AsBytes(content).subspan(at, images::kBlockSize)));
  }
  for (const auto& fragment : fragments) {
    table.fragments.push_back({.digest = images::FragmentDigest(AsBytes(fragment)),
                               .packed_length = static_cast<std::uint16_t>(fragment.size())});
    size += fragment.size();
  }
  const auto raw_table = images::WriteFragmentTable(table);
  const auto digest = keys::Sha256Of(AsBytes(raw_table));
  const images::FragmentIndex index = {
      {.chunk = 1, .table_digest = digest, .fragments_size = size},
      {.chunk = 2, .table_digest = digest, .fragments_size = size},
      {.chunk = 5, .table_digest = digest, .fragments_size = size}};
  return {{"index", images::WriteFragmentIndex(index, chunks)},
          {"empty", images::WriteFragmentIndex({}, chunks)},
          {"table", raw_table},
          {"fragment", fragments[1]}};
}

}  // namespace ros::fuzz
