#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "images/image_source.hpp"
#include "registry/blob_stream.hpp"
#include "registry/connection.hpp"

namespace ros::images {

// Where the bytes of a blob come from over a network.
struct RemoteBytes {
  std::string name;  // of the blob, in errors
  Bytes size = 0;
  // Fills `into` from there, within the size, by a request of its own. On any thread.
  std::function<void(Bytes offset, MutableByteSpan into)> read;
  // As Blob's, of the same names; empty where there is no other place.
  std::function<bool(Bytes offset, MutableByteSpan into, const std::function<bool()>& is_right)>
      read_elsewhere;
  std::function<bool()> distrust;
  // Hands these ranges on, by a connection of its own; as registry::BlobStream::Fetch.
  std::function<void(const std::vector<ByteRange>& ranges,
                     const std::function<bool()>& cancelled,
                     const registry::BodySink& sink)>
      stream;
};

// What ranges cost where these connections lead.
RangeCosts CostsOf(const registry::ConnectionOptions& options);

// A blob that is read where it is: what is announced comes ahead, on a thread, everything else when
// it is read.
class RemoteBlob final : public Blob {
 public:
  explicit RemoteBlob(RemoteBytes bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] Bytes size() const override { return bytes_.size; }

  void ReadAt(Bytes offset, MutableByteSpan into) const override;
  bool ReadElsewhere(Bytes offset,
                     MutableByteSpan into,
                     const std::function<bool()>& is_right) const override;
  bool Distrust() override;
  void Announce(const std::vector<ByteRange>& ranges) override;
  void Abandon() override;

 private:
  RemoteBytes bytes_;
  std::unique_ptr<registry::BlobStream> stream_;
};

}  // namespace ros::images
