#include "images/piped_image.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "images/oci_layout.hpp"
#include "images/refusal.hpp"
#include "images/tar_reader.hpp"
#include "images/text_blob.hpp"
#include "registry/blob_stream.hpp"

namespace ros::images {
namespace {

using registry::BlobStream;
using registry::BodySink;

constexpr Bytes kPipePiece = Bytes{64} << 10U;
constexpr int kLookAroundMs = 200;
// Enough to see how a file is compressed.
constexpr std::size_t kMagicSize = 8;

// The pipe's end that is read. Whoever waits for it can be interrupted.
class PipeInput final : public TarInput {
 public:
  PipeInput(UniqueFd pipe, std::string name)
      : pipe_(std::move(pipe)), name_(std::move(name)), buffer_(kPipePiece) {}

  ByteSpan Read() override {
    std::size_t length = 0;
    const auto enough = std::exchange(begun_, true) ? 1 : kMagicSize;
    while (length < enough) {
      Wait();
      const auto got = ::read(pipe_.get(), buffer_.data() + length, buffer_.size() - length);
      if (got < 0 && errno != EINTR && errno != EAGAIN) {
        ThrowErrno("reading " + name_);
      }
      if (got == 0) {
        break;
      }
      length += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    }
    return ByteSpan(buffer_).first(length);
  }

  Bytes Skip(Bytes /*length*/) override { return 0; }

  // Reading fails soon after this answers yes; by none it goes on.
  void EndWhen(std::function<bool()> cancelled) { cancelled_ = std::move(cancelled); }

 private:
  void Wait() const {
    pollfd waiting{.fd = pipe_.get(), .events = POLLIN, .revents = 0};
    while (::poll(&waiting, 1, kLookAroundMs) <= 0) {
      CheckWanted();
    }
    CheckWanted();
  }

  void CheckWanted() const {
    ThrowIfInterrupted();
    if (cancelled_ && cancelled_()) {
      throw Error(ErrorKind::kFailed, name_ + " is not read any more");
    }
  }

  UniqueFd pipe_;
  std::string name_;
  bool begun_ = false;
  std::vector<std::byte> buffer_;
  std::function<bool()> cancelled_;
};

// An archive as it comes, for several threads.
class Pipe {
 public:
  struct Found {
    Bytes size = 0;
    std::shared_ptr<const std::string> text;  // none: it is too large, and comes as a stream
  };

  Pipe(UniqueFd pipe, const std::string& name, Bytes max_held)
      : name_(name), left_(max_held), input_(std::move(pipe), name), reader_(input_, name) {}

  // Reads on until the entry is there; none where the archive has none of that name.
  std::optional<Found> Find(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    while (true) {
      if (const auto held = held_.find(entry); held != held_.end()) {
        return Found{.size = held->second->size(), .text = held->second};
      }
      if (large_ && large_->name == entry) {
        return Found{.size = large_->size, .text = nullptr};
      }
      if (!ReadOn(entry)) {
        return std::nullopt;
      }
    }
  }

  // Before Stream(): nobody else reads on until that has ended.
  void BeginStream(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    if (!large_ || large_->name != entry || std::exchange(large_begun_, true)) {
      Refuse(name_, entry + " cannot be read twice from a pipe; save the image as a file");
    }
    streams_ = true;
  }

  void Stream(const std::vector<ByteRange>& ranges,
              const std::function<bool()>& cancelled,
              const BodySink& sink) {
    const StreamEnd end(*this);
    input_.EndWhen(cancelled);
    Bytes at = 0;
    for (const auto& range : ranges) {
      Take(range.offset - at, {});
      Take(range.length, sink);
      at = range.End();
    }
  }

 private:
  // What the stream has left of its entry is passed over by who reads on.
  class StreamEnd {
   public:
    explicit StreamEnd(Pipe& pipe) : pipe_(pipe) {}

    StreamEnd(const StreamEnd&) = delete;
    StreamEnd& operator=(const StreamEnd&) = delete;
    StreamEnd(StreamEnd&&) = delete;
    StreamEnd& operator=(StreamEnd&&) = delete;

    ~StreamEnd() {
      const std::lock_guard lock(pipe_.mutex_);
      pipe_.input_.EndWhen({});
      pipe_.streams_ = false;
    }

   private:
    Pipe& pipe_;
  };

  void Take(Bytes length, const BodySink& sink) {
    std::vector<std::byte> buffer(std::min(length, kPipePiece));
    while (length > 0) {
      const auto piece = MutableByteSpan(buffer).first(std::min(length, kPipePiece));
      reader_.Read(piece);
      if (sink) {
        sink(piece);
      }
      length -= piece.size();
    }
  }

  // Takes one more entry; false at the end.
  bool ReadOn(const std::string& wanted) {
    if (large_ && (streams_ || !large_begun_)) {
      Refuse(name_,
             wanted + " comes behind " + large_->name + " of " + FormatBytes(large_->size) +
                 ", which does not fit into the memory for what comes through a pipe; save the "
                 "image as a file, or make it anew by `ros image pull`, `build` or `sign`, which "
                 "put what is small in front");
    }
    large_.reset();
    auto entry = ended_ ? std::nullopt : reader_.Next();
    if (!entry) {
      ended_ = true;
      return false;
    }
    if (!entry->is_file) {
      return true;
    }
    if (entry->size > left_) {
      large_ = std::move(*entry);
      large_begun_ = false;
      return true;
    }
    left_ -= entry->size;
    std::string text(entry->size, '\0');
    reader_.Read(AsWritableBytes(text));
    held_.emplace(entry->name, std::make_shared<const std::string>(std::move(text)));
    return true;
  }

  std::string name_;
  std::mutex mutex_;
  Bytes left_;  // of the memory for what is held
  std::map<std::string, std::shared_ptr<const std::string>> held_;
  std::optional<ArchiveEntry> large_;  // where the reader is
  bool large_begun_ = false;
  bool streams_ = false;  // the reader is a stream's
  bool ended_ = false;
  PipeInput input_;
  TarReader reader_;
};

class PipedBlob final : public Blob {
 public:
  PipedBlob(std::shared_ptr<Pipe> pipe, std::string name, std::string entry, Bytes size)
      : pipe_(std::move(pipe)), name_(std::move(name)), entry_(std::move(entry)), size_(size) {}

  [[nodiscard]] Bytes size() const override { return size_; }

  void ReadAt(Bytes offset, MutableByteSpan into) const override {
    if (!stream_ || !stream_->Has({.offset = offset, .length = into.size()})) {
      Refuse(name_,
             "its bytes from " + std::to_string(offset) +
                 " on have passed, and a pipe cannot go back; save the image as a file");
    }
    stream_->Read(offset, into);
  }

  void Announce(const std::vector<ByteRange>& ranges) override {
    if (ranges.empty()) {
      return;
    }
    if (ranges.back().End() > size_) {
      Refuse(name_, "it is read beyond its end");
    }
    pipe_->BeginStream(entry_);
    stream_ = std::make_unique<BlobStream>(
        ranges,
        [pipe = pipe_, ranges](const std::function<bool()>& cancelled, const BodySink& sink) {
          pipe->Stream(ranges, cancelled, sink);
        });
  }

  void Abandon() override {
    if (stream_) {
      stream_->Abandon();
    }
  }

 private:
  std::shared_ptr<Pipe> pipe_;
  std::string name_;
  std::string entry_;
  Bytes size_;
  std::unique_ptr<BlobStream> stream_;
};

std::string EntryOf(const keys::Digest& digest) {
  return "blobs/sha256/" + digest.Hex();
}

class PipedImage final : public ImageSource {
 public:
  PipedImage(UniqueFd pipe, std::string name, Bytes max_held)
      : name_(std::move(name)), pipe_(std::make_shared<Pipe>(std::move(pipe), name_, max_held)) {
    CheckLayoutFile(ReadEntry(kLayoutFile, kMaxLayoutFileSize), name_);
  }

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::string ReadIndex() const override {
    return ReadEntry(kIndexFile, kMaxOciIndexSize);
  }

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    const auto entry = EntryOf(digest);
    const auto found = pipe_->Find(entry);
    if (!found) {
      Refuse(name_, "blob " + digest.ToString() + " is missing");
    }
    const auto called = name_ + ": blob " + digest.ToString();
    if (found->text) {
      return std::make_unique<TextBlob>(called, found->text);
    }
    return std::make_unique<PipedBlob>(pipe_, called, entry, found->size);
  }

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return pipe_->Find(EntryOf(digest)).has_value();
  }

  [[nodiscard]] bool is_remote() const override { return true; }

  [[nodiscard]] bool is_passing() const override { return true; }

 private:
  [[nodiscard]] std::string ReadEntry(std::string_view entry, Bytes limit) const {
    const auto found = pipe_->Find(std::string(entry));
    if (!found) {
      Refuse(name_, "it has no " + std::string(entry) + "; this is not an OCI archive");
    }
    if (found->size > limit || !found->text) {
      Refuse(name_, std::string(entry) + " is longer than " + FormatBytes(limit));
    }
    return *found->text;
  }

  std::string name_;
  std::shared_ptr<Pipe> pipe_;
};

}  // namespace

std::unique_ptr<ImageSource> OpenPipedImage(UniqueFd pipe, std::string name, Bytes max_held) {
  return std::make_unique<PipedImage>(std::move(pipe), std::move(name), max_held);
}

}  // namespace ros::images
