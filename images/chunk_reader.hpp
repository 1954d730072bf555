#pragma once

#include <cstddef>
#include <memory>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "images/chunk_index.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// Unpacks chunks of a root layer, one thread's worth: keeps its buffers from chunk to chunk.
class ChunkReader {
 public:
  // `layer` must live as long as this.
  explicit ChunkReader(const Blob& layer);
  ChunkReader(ChunkReader&&) noexcept;
  ChunkReader& operator=(ChunkReader&&) noexcept;
  ChunkReader(const ChunkReader&) = delete;
  ChunkReader& operator=(const ChunkReader&) = delete;
  ~ChunkReader();

  // Unpacks the frame at `packed_offset` of the layer into `into`, which has just the chunk's
  // length. The frame's digest is compared before it is unpacked. Throws kVerification: another
  // digest, not exactly one frame, another content size, a window over kMaxWindowLog, a
  // dictionary, damaged, or not the chunk's digest.
  void Read(const Chunk& chunk, Bytes packed_offset, MutableByteSpan into);

  // As above without comparing the digest of the content, for one who checks that in another way.
  void Unpack(const Chunk& chunk, Bytes packed_offset, MutableByteSpan into);

  // Reads the frame and forgets it, so that of a layer that passes once the next ones come.
  void PassOver(const Chunk& chunk, Bytes packed_offset);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ros::images
