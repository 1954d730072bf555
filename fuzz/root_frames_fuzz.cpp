#include "fuzz/memory_image.hpp"
#include "fuzz/target.hpp"
#include "images/chunk_reader.hpp"
#include "images/frame_packer.hpp"

namespace ros::fuzz {

// The input: how many blocks the index says that a chunk has, then its frame.
void Run(ByteSpan bytes) {
  Input input(bytes);
  images::Chunk chunk;
  chunk.length = static_cast<std::uint32_t>(
      (1 + input.Below(images::kMaxChunkLength / images::kBlockSize, 1)) * images::kBlockSize);
  const auto frame = input.Rest();
  if (frame.empty() || frame.size() > images::kMaxPackedLength) {
    return;  // no index says so
  }
  chunk.packed_length = static_cast<std::uint32_t>(frame.size());
  chunk.packed_digest = keys::Sha256Of(frame);
  const MemoryBlob layer(AsText(frame));
  images::ChunkReader reader(layer);
  std::vector<std::byte> content(chunk.length);
  reader.Unpack(chunk, 0, content);
  chunk.digest = keys::Sha256Of(content);
  std::vector<std::byte> again(chunk.length);
  reader.Read(chunk, 0, again);
  Expect(again == content, "a frame has one content");
}

std::vector<Seed> Seeds() {
  images::FramePacker packer(3);
  const std::string zeros(4096, '\0');
  std::string text(8192, 'x');
  for (std::size_t i = 0; i < text.size(); i += 7) {
    text[i] = static_cast<char>(i * i / 7);
  }
  return {{"zeros", Number(0, 1) + packer.Pack(AsBytes(zeros))},
          {"text", Number(1, 1) + packer.Pack(AsBytes(text))},
          {"wrong-length", Number(1, 1) + packer.Pack(AsBytes(zeros))}};
}

}  // namespace ros::fuzz
