#include "fuzz/target.hpp"
#include "images/chunk_index.hpp"

namespace ros::fuzz {
namespace {

// Where the header says how large the root and the layer are (docs/image-format.md).
constexpr std::size_t kRootSizeAt = 16;
constexpr std::size_t kPackedSizeAt = 24;

}  // namespace

void Run(ByteSpan input) {
  const bool has_header = input.size() >= images::kIndexHeaderSize;
  const Bytes root_size = has_header ? LoadLe64(input, kRootSizeAt) : 0;
  const Bytes packed_size = has_header ? LoadLe64(input, kPackedSizeAt) : 0;
  const auto chunks = images::ParseChunkIndex(input, root_size, packed_size);
  Expect(chunks.size() <= images::kMaxChunks, "there are not too many chunks");
  Bytes length = 0;
  for (const auto& chunk : chunks) {
    Expect(
        chunk.length <= images::kMaxChunkLength && chunk.packed_length <= images::kMaxPackedLength,
        "no chunk is too long");
    length += chunk.length;
  }
  Expect(length == root_size, "the chunks are the root");
  Expect(images::WriteChunkIndex(chunks) == AsText(input), "what is read is written the same");
}

std::vector<Seed> Seeds() {
  const auto chunk = [](std::uint32_t length, std::uint32_t packed) {
    return images::Chunk{.digest = keys::Sha256Of(AsBytes("chunk")),
                         .packed_digest = keys::Sha256Of(AsBytes("frame")),
                         .length = length,
                         .packed_length = packed};
  };
  return {{"one", images::WriteChunkIndex({chunk(4096, 20)})},
          {"some",
           images::WriteChunkIndex({chunk(65536, 30'000), chunk(1U << 20U, 1), chunk(8192, 8300)})},
          {"longest",
           images::WriteChunkIndex({chunk(images::kMaxChunkLength, images::kMaxPackedLength)})}};
}

}  // namespace ros::fuzz
