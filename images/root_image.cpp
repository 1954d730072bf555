#include "images/root_image.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace ros::images {
namespace {

// Metadata and the content of a file lie in different chunks, and neighbours are asked for in turn.
constexpr std::size_t kKept = 4;

}  // namespace

RootImage::RootImage(const ImageSource& source, const VerifiedImage& image)
    : image_(image), layer_(source.OpenBlob(image.manifest.root.digest)), reader_(*layer_) {
  Bytes packed = 0;
  for (const auto& chunk : image.chunks) {
    offsets_.push_back(size_);
    packed_offsets_.push_back(packed);
    size_ += chunk.length;
    packed += chunk.packed_length;
  }
}

void RootImage::Read(Bytes offset, MutableByteSpan into) {
  if (offset > size_ || into.size() > size_ - offset) {
    throw Error(ErrorKind::kVerification,
                "the root image ends at " + std::to_string(size_) + ", before " +
                    std::to_string(offset + into.size()));
  }
  while (!into.empty()) {
    const auto after = std::upper_bound(offsets_.begin(), offsets_.end(), offset);
    const auto chunk = static_cast<std::size_t>(after - offsets_.begin()) - 1;
    const auto& bytes = Unpack(chunk);
    const auto from = offset - offsets_[chunk];
    const auto length = std::min<Bytes>(into.size(), bytes.size() - from);
    std::memcpy(into.data(), bytes.data() + from, length);
    into = into.subspan(length);
    offset += length;
  }
}

const std::vector<std::byte>& RootImage::Unpack(std::size_t chunk) {
  const auto kept = std::ranges::find(kept_, chunk, &Unpacked::chunk);
  if (kept != kept_.end()) {
    std::rotate(kept_.begin(), kept, kept + 1);
    return kept_.front().bytes;
  }
  Unpacked unpacked{.chunk = chunk, .bytes = std::vector<std::byte>(image_.chunks[chunk].length)};
  InContext("chunk " + std::to_string(chunk) + " of the root layer",
            [&] { reader_.Read(image_.chunks[chunk], packed_offsets_[chunk], unpacked.bytes); });
  if (kept_.size() == kKept) {
    kept_.pop_back();
  }
  kept_.push_front(std::move(unpacked));
  return kept_.front().bytes;
}

}  // namespace ros::images
