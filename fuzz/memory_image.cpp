#include "fuzz/memory_image.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace ros::fuzz {

images::Descriptor MemoryImage::Add(std::string content, std::string_view media_type) {
  images::Descriptor descriptor{.media_type = std::string(media_type),
                                .digest = keys::Sha256Of(AsBytes(content)),
                                .size = content.size()};
  blobs_[descriptor.digest.Hex()] = std::move(content);
  return descriptor;
}

std::unique_ptr<images::Blob> MemoryImage::OpenBlob(const keys::Digest& digest) const {
  const auto found = blobs_.find(digest.Hex());
  if (found == blobs_.end()) {
    throw Error(ErrorKind::kVerification, name_ + ": blob " + digest.ToString() + " is missing");
  }
  return std::make_unique<MemoryBlob>(found->second);
}

void MemoryBlob::ReadAt(Bytes offset, MutableByteSpan into) const {
  if (offset > content_.size() || into.size() > content_.size() - offset) {
    throw Error(ErrorKind::kVerification, "the blob ends before");
  }
  std::ranges::copy(AsBytes(content_.substr(offset, into.size())), into.begin());
}

}  // namespace ros::fuzz
