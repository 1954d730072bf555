#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "images/chunk_reader.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"

namespace ros::images {

// Reads an image's root file system at any place, without unpacking all of it: a chunk is unpacked
// and compared with its digest when a byte of it is asked for, and the last few are kept. One
// thread.
class RootImage {
 public:
  // `source` and `image` must live as long as this.
  RootImage(const ImageSource& source, const VerifiedImage& image);

  [[nodiscard]] Bytes size() const { return size_; }

  // Throws kVerification as ChunkReader does, or when that is beyond the end.
  void Read(Bytes offset, MutableByteSpan into);

 private:
  struct Unpacked {
    std::size_t chunk = 0;
    std::vector<std::byte> bytes;
  };

  const std::vector<std::byte>& Unpack(std::size_t chunk);

  const VerifiedImage& image_;
  Bytes size_ = 0;
  std::vector<Bytes> offsets_;         // of the chunks in the root
  std::vector<Bytes> packed_offsets_;  // in the layer
  std::unique_ptr<Blob> layer_;
  ChunkReader reader_;
  std::deque<Unpacked> kept_;  // latest first
};

}  // namespace ros::images
