#include "images/remote_blob.hpp"

#include "base/error.hpp"

namespace ros::images {

RangeCosts CostsOf(const registry::ConnectionOptions& options) {
  RangeCosts costs;
  costs.whole = options.ranges && options.ranges->AnyWithout();
  costs.gap = options.ranges ? options.ranges->MostGap() : registry::kGapOfSeveral;
  if (costs.gap == registry::kGapOfOne) {
    // Each is a request then, which is worth as many bytes as are fetched to save one.
    costs.range = costs.gap;
  }
  return costs;
}

void RemoteBlob::ReadAt(Bytes offset, MutableByteSpan into) const {
  if (offset > bytes_.size || into.size() > bytes_.size - offset) {
    throw Error(ErrorKind::kVerification, bytes_.name + " is read beyond its end");
  }
  if (stream_ && stream_->Has({.offset = offset, .length = into.size()})) {
    stream_->Read(offset, into);
    return;
  }
  bytes_.read(offset, into);
}

bool RemoteBlob::ReadElsewhere(Bytes offset,
                               MutableByteSpan into,
                               const std::function<bool()>& is_right) const {
  return bytes_.read_elsewhere && bytes_.read_elsewhere(offset, into, is_right);
}

bool RemoteBlob::Distrust() {
  return bytes_.distrust && bytes_.distrust();
}

void RemoteBlob::Announce(const std::vector<ByteRange>& ranges) {
  if (ranges.empty()) {
    return;
  }
  stream_ = std::make_unique<registry::BlobStream>(
      ranges,
      [stream = bytes_.stream, ranges](const std::function<bool()>& cancelled,
                                       const registry::BodySink& sink) {
        stream(ranges, cancelled, sink);
      });
}

void RemoteBlob::Abandon() {
  if (stream_) {
    stream_->Abandon();
  }
}

}  // namespace ros::images
