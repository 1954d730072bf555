#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "images/image_source.hpp"

namespace ros::images::fakes {

// An image that says that it comes over a network, and counts what is read of its blobs.
class RemoteImage final : public ImageSource {
 public:
  explicit RemoteImage(const ImageSource& source) : source_(source) {}

  [[nodiscard]] const std::string& name() const override { return source_.name(); }

  [[nodiscard]] std::string ReadIndex() const override { return source_.ReadIndex(); }

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    return std::make_unique<CountingBlob>(source_.OpenBlob(digest), *this);
  }

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return source_.HasBlob(digest);
  }

  [[nodiscard]] bool is_remote() const override { return true; }

  [[nodiscard]] Bytes read() const { return read_; }

  [[nodiscard]] Bytes announced() const { return announced_; }

 private:
  class CountingBlob final : public Blob {
   public:
    CountingBlob(std::unique_ptr<Blob> blob, const RemoteImage& source)
        : blob_(std::move(blob)), source_(source) {}

    [[nodiscard]] Bytes size() const override { return blob_->size(); }

    void ReadAt(Bytes offset, MutableByteSpan into) const override {
      source_.read_ += into.size();
      blob_->ReadAt(offset, into);
    }

    void Announce(const std::vector<ByteRange>& ranges) override {
      for (const auto& range : ranges) {
        source_.announced_ += range.length;
      }
    }

   private:
    std::unique_ptr<Blob> blob_;
    const RemoteImage& source_;
  };

  const ImageSource& source_;
  mutable std::atomic<Bytes> read_ = 0;
  mutable std::atomic<Bytes> announced_ = 0;
};

}  // namespace ros::images::fakes
