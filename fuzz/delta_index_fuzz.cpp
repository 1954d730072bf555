#include <algorithm>

#include "fuzz/target.hpp"
#include "images/delta_index.hpp"

namespace ros::fuzz {
namespace {

using images::DeltaChunk;

// Where the header says how long the patches are (docs/delta-format.md).
constexpr std::size_t kPatchesSizeAt = 24;

// The root index that the delta is of.
std::vector<images::Chunk> Chunks() {
  std::vector<images::Chunk> chunks(6);
  std::uint32_t blocks = 1;
  for (auto& chunk : chunks) {
    chunk.length = blocks * static_cast<std::uint32_t>(images::kBlockSize);
    blocks *= 2;
  }
  return chunks;
}

}  // namespace

void Run(ByteSpan input) {
  const auto chunks = Chunks();
  const Bytes size = input.size() >= images::kDeltaHeaderSize ? LoadLe64(input, kPatchesSizeAt) : 0;
  const auto index = images::ParseDeltaIndex(input, chunks, size);
  Expect(index.chunks.size() == chunks.size(), "each chunk is told of");
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    Expect(index.chunks[i].kind != DeltaChunk::Kind::kCopy ||
               index.chunks[i].offset + chunks[i].length <= index.base_size,
           "copies are within the base");
  }
  for (const auto& patch : index.patches) {
    Expect(images::BaseLength(patch) <= delta::kMaxBase, "no patch needs too much");
    Expect(std::ranges::all_of(
               patch.base, [&](const ByteRange& range) { return range.End() <= index.base_size; }),
           "ranges are within the base");
  }
  const auto written = images::WriteDeltaIndex(index, chunks);
  Expect(images::ParseDeltaIndex(AsBytes(written), chunks, size) == index,
         "what is written reads the same");
}

std::vector<Seed> Seeds() {
  using Kind = DeltaChunk::Kind;
  constexpr Bytes kBlock = images::kBlockSize;
  const images::DeltaPatch patch{
      .base = {{.offset = kBlock, .length = 2 * kBlock}, {.offset = 9 * kBlock, .length = kBlock}},
      .packed_digest = keys::Sha256Of(AsBytes("patch")),
      .packed_length = 70};
  images::DeltaIndex index{.base_size = 100 * kBlock,
                           .chunks = {{.kind = Kind::kCopy, .offset = 5 * kBlock},
                                      {.kind = Kind::kCopy, .offset = 6 * kBlock},
                                      {.kind = Kind::kPatch},
                                      {.kind = Kind::kPatch},
                                      {.kind = Kind::kFrame},
                                      {.kind = Kind::kCopy, .offset = 0}},
                           .patches = {patch, patch}};
  const auto all = images::WriteDeltaIndex(index, Chunks());
  index.patches.clear();
  index.chunks.assign(6, {});
  return {{"all", all}, {"frames", images::WriteDeltaIndex(index, Chunks())}};
}

}  // namespace ros::fuzz
