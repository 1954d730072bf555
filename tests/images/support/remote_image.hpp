#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "images/image_source.hpp"
#include "registry/blob_stream.hpp"

namespace ros::images::fakes {

// An image that is another one, but for what a class of it changes. That one lives longer.
class WrappedImage : public ImageSource {
 public:
  explicit WrappedImage(const ImageSource& source) : source_(source) {}

  [[nodiscard]] const std::string& name() const override { return source_.name(); }

  [[nodiscard]] std::string ReadIndex() const override { return source_.ReadIndex(); }

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return source_.HasBlob(digest);
  }

 protected:
  [[nodiscard]] const ImageSource& source() const { return source_; }

 private:
  const ImageSource& source_;
};

// An image that says that it comes over a network, or through a pipe, and counts what is read of
// its blobs. What is announced of those of a pipe comes in the order of an archive, once.
class RemoteImage final : public WrappedImage {
 public:
  enum class Way { kNetwork, kPipe };

  explicit RemoteImage(const ImageSource& source,
                       Way way = Way::kNetwork,
                       const RangeCosts& costs = {})
      : WrappedImage(source), way_(way), costs_(costs) {}

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    return std::make_unique<CountingBlob>(source().OpenBlob(digest), digest, *this);
  }

  [[nodiscard]] bool is_remote() const override { return true; }

  [[nodiscard]] RangeCosts range_costs() const override { return costs_; }

  [[nodiscard]] bool is_passing() const override { return way_ == Way::kPipe; }

  [[nodiscard]] Bytes read() const { return read_; }

  [[nodiscard]] Bytes announced() const { return announced_; }

  // Passes anew.
  void Rewind() const { passed_ = {}; }

  // Blobs of which nothing was announced.
  [[nodiscard]] int let_pass() const { return let_pass_; }

 private:
  class CountingBlob final : public Blob {
   public:
    CountingBlob(std::unique_ptr<Blob> blob, const keys::Digest& digest, const RemoteImage& source)
        : blob_(std::move(blob)), digest_(digest), source_(source) {}

    [[nodiscard]] Bytes size() const override { return blob_->size(); }

    void ReadAt(Bytes offset, MutableByteSpan into) const override {
      source_.read_ += into.size();
      blob_->ReadAt(offset, into);
    }

    void Announce(const std::vector<ByteRange>& ranges) override {
      if (source_.is_passing()) {
        source_.Pass({size(), digest_});
      }
      source_.let_pass_ += ranges.empty() ? 1 : 0;
      for (const auto& range : ranges) {
        source_.announced_ += range.length;
      }
    }

   private:
    std::unique_ptr<Blob> blob_;
    keys::Digest digest_;
    const RemoteImage& source_;
  };

  using Place = std::pair<Bytes, keys::Digest>;

  void Pass(const Place& place) const {
    if (!(passed_ < place)) {
      throw Error(ErrorKind::kVerification, "a pipe cannot go back");
    }
    passed_ = place;
  }

  Way way_;
  RangeCosts costs_;
  mutable std::atomic<Bytes> read_ = 0;
  mutable std::atomic<Bytes> announced_ = 0;
  mutable std::atomic<int> let_pass_ = 0;
  mutable Place passed_;
};

// The same with what is announced of a blob on its way as over a network, ahead of who reads it.
// What is wrong may be had from another image, as from another mirror.
class StreamedImage final : public WrappedImage {
 public:
  explicit StreamedImage(const ImageSource& source, const ImageSource* elsewhere = nullptr)
      : WrappedImage(source), elsewhere_(elsewhere) {}

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    return std::make_unique<StreamedBlob>(
        source().OpenBlob(digest), elsewhere_ == nullptr ? nullptr : elsewhere_->OpenBlob(digest));
  }

  [[nodiscard]] bool is_remote() const override { return true; }

 private:
  class StreamedBlob final : public Blob {
   public:
    StreamedBlob(std::unique_ptr<Blob> blob, std::unique_ptr<Blob> elsewhere)
        : blob_(std::move(blob)), elsewhere_(std::move(elsewhere)) {}

    [[nodiscard]] Bytes size() const override { return blob_->size(); }

    void ReadAt(Bytes offset, MutableByteSpan into) const override {
      if (stream_ && stream_->Has({.offset = offset, .length = into.size()})) {
        stream_->Read(offset, into);
      } else {
        blob_->ReadAt(offset, into);
      }
    }

    bool ReadElsewhere(Bytes offset,
                       MutableByteSpan into,
                       const std::function<bool()>& is_right) const override {
      if (!elsewhere_) {
        return false;
      }
      elsewhere_->ReadAt(offset, into);
      if (!is_right()) {
        throw Error(ErrorKind::kVerification, "it is wrong elsewhere too");
      }
      return true;
    }

    bool Distrust() override {
      if (!elsewhere_) {
        return false;
      }
      blob_ = std::move(elsewhere_);
      return true;
    }

    void Announce(const std::vector<ByteRange>& ranges) override {
      if (ranges.empty()) {
        return;
      }
      stream_ = std::make_unique<registry::BlobStream>(
          ranges, [this, ranges](const auto& /*cancelled*/, const registry::BodySink& sink) {
            constexpr Bytes kPiece = 10'000;
            std::vector<std::byte> piece;
            for (const auto& range : ranges) {
              for (Bytes at = range.offset; at < range.End(); at += piece.size()) {
                piece.resize(std::min(kPiece, range.End() - at));
                blob_->ReadAt(at, piece);
                sink(piece);
              }
            }
          });
    }

    void Abandon() override {
      if (stream_) {
        stream_->Abandon();
      }
    }

   private:
    std::unique_ptr<Blob> blob_;
    std::unique_ptr<Blob> elsewhere_;
    std::unique_ptr<registry::BlobStream> stream_;
  };

  const ImageSource* elsewhere_;
};

// An image one blob of which is only half as long as it should be.
class CutImage final : public WrappedImage {
 public:
  CutImage(const ImageSource& source, const keys::Digest& cut) : WrappedImage(source), cut_(cut) {}

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    auto blob = source().OpenBlob(digest);
    return digest == cut_ ? std::make_unique<CutBlob>(std::move(blob)) : std::move(blob);
  }

 private:
  class CutBlob final : public Blob {
   public:
    explicit CutBlob(std::unique_ptr<Blob> blob) : blob_(std::move(blob)) {}

    [[nodiscard]] Bytes size() const override { return blob_->size() / 2; }

    void ReadAt(Bytes offset, MutableByteSpan into) const override {
      if (offset + into.size() > size()) {
        throw Error(ErrorKind::kVerification, "it is shorter than its size says");
      }
      blob_->ReadAt(offset, into);
    }

   private:
    std::unique_ptr<Blob> blob_;
  };

  keys::Digest cut_;
};

// An image one blob of which comes wrong, each time that it is opened anew, until it is
// distrusted.
class SuspectImage final : public WrappedImage {
 public:
  SuspectImage(const ImageSource& source, const keys::Digest& wrong)
      : WrappedImage(source), wrong_(wrong) {}

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    auto blob = source().OpenBlob(digest);
    return digest == wrong_ ? std::make_unique<SuspectBlob>(std::move(blob)) : std::move(blob);
  }

 private:
  class SuspectBlob final : public Blob {
   public:
    explicit SuspectBlob(std::unique_ptr<Blob> blob) : blob_(std::move(blob)) {}

    [[nodiscard]] Bytes size() const override { return blob_->size(); }

    void ReadAt(Bytes offset, MutableByteSpan into) const override {
      blob_->ReadAt(offset, into);
      into[0] ^= is_wrong_ ? std::byte{1} : std::byte{0};
    }

    bool Distrust() override { return std::exchange(is_wrong_, false); }

   private:
    std::unique_ptr<Blob> blob_;
    bool is_wrong_ = true;
  };

  keys::Digest wrong_;
};

}  // namespace ros::images::fakes
