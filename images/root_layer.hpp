#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/progress.hpp"
#include "images/chunk_index.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// What the packed root layer is made of.
struct RootLayerInput {
  std::filesystem::path image;         // whole blocks of 4096 bytes
  std::vector<std::uint32_t> lengths;  // of the chunks; they add up to the image's size
  std::string salt_hex;                // of the dm-verity tree
  int compression_level = 19;
  unsigned workers = 0;  // threads; 0 for one a processor
};

struct RootLayer {
  std::vector<Chunk> chunks;
  keys::Digest digest;  // of the layer
  Bytes size = 0;
  std::string verity_root_hash;
};

// Packs an image chunk by chunk into zstd frames and writes them in a row to `output`, a new file
// (docs/image-format.md, "Root layer"); computes the dm-verity root hash of the image on the way.
// Worker threads pack, this one writes; memory is a few MiB for each worker, whatever the size. The
// number of workers changes nothing in the result.
// Throws kFailed for I/O; the file is then incomplete.
RootLayer PackRootLayer(const RootLayerInput& input,
                        const std::filesystem::path& output,
                        Progress& progress);

}  // namespace ros::images
