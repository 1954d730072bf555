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
#include "images/kernel_image.hpp"
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
// Of an entry: what says which kernel this is.
constexpr Bytes kLookedAt = kKernelHeadSize;
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

// An archive as it comes, for several threads. An entry that was found waits at the reader's place:
// it is taken as a stream, or held when it is read in another way or something behind it is wanted.
class Pipe {
 public:
  Pipe(UniqueFd pipe, const std::string& name, Bytes max_held)
      : name_(name), left_(max_held), input_(std::move(pipe), name), reader_(input_, name) {}

  // Reads on until the entry is there, and returns its size; none where the archive has none of
  // that name.
  std::optional<Bytes> Find(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    while (true) {
      if (const auto held = held_.find(entry); held != held_.end()) {
        return held->second->size();
      }
      if (IsHere(entry)) {
        return here_->size;
      }
      if (const auto passed = passed_.find(entry); passed != passed_.end()) {
        return passed->second;
      }
      if (!ReadOn(entry)) {
        return std::nullopt;
      }
    }
  }

  // The content of an entry that was found; none where it is being taken as a stream or has been,
  // or is too large.
  std::shared_ptr<const std::string> Hold(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    if (IsHere(entry) && CanHold()) {
      HoldHere();
    }
    const auto held = held_.find(entry);
    return held == held_.end() ? nullptr : held->second;
  }

  // Fills `into` from the begin of an entry that is still to be read as a whole; false where it is
  // another entry, or lies behind what is looked at beforehand.
  bool LookAt(const std::string& entry, Bytes offset, MutableByteSpan into) {
    const std::lock_guard lock(mutex_);
    if (!IsHere(entry) || begun_) {
      return false;
    }
    const auto begin = std::min(here_->size, kLookedAt);
    if (offset > begin || into.size() > begin - offset) {
      return false;
    }
    if (looked_at_.empty()) {
      std::vector<std::byte> read(begin);
      begun_ = true;  // to stay so where reading fails
      reader_.Read(read);
      begun_ = false;
      looked_at_ = std::move(read);
    }
    std::ranges::copy(ByteSpan(looked_at_).subspan(offset, into.size()), into.begin());
    return true;
  }

  // Nothing of the entry will be read: it takes no memory.
  void PassOver(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    if (IsHere(entry)) {
      begun_ = true;
    }
  }

  // Before Stream(): nobody else reads on until that has ended. False where the entry is held.
  bool BeginStream(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    if (held_.contains(entry)) {
      return false;
    }
    if (!IsHere(entry) || std::exchange(begun_, true)) {
      Refuse(name_, entry + " has passed, and a pipe cannot go back; save the image as a file");
    }
    streams_ = true;
    return true;
  }

  void Stream(const std::vector<ByteRange>& ranges,
              const std::function<bool()>& cancelled,
              const BodySink& sink) {
    const StreamEnd end(*this);
    input_.EndWhen(cancelled);
    for (Bytes at = 0; const auto& range : ranges) {
      Take(at, range.offset - at, {});
      Take(range.offset, range.length, sink);
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

  void Take(Bytes at, Bytes length, const BodySink& sink) {
    std::vector<std::byte> buffer(std::min(length, kPipePiece));
    for (const Bytes end = at + length; at < end;) {
      const auto piece = MutableByteSpan(buffer).first(std::min(end - at, kPipePiece));
      ReadHere(at, piece);
      if (sink) {
        sink(piece);
      }
      at += piece.size();
    }
  }

  // Reads on at `at` of the entry that is here. What of it was looked at is not in the pipe any
  // more.
  void ReadHere(Bytes at, MutableByteSpan into) {
    const auto known = at < looked_at_.size() ? ByteSpan(looked_at_).subspan(at) : ByteSpan();
    const auto again = known.first(std::min(known.size(), into.size()));
    std::ranges::copy(again, into.begin());
    reader_.Read(into.subspan(again.size()));
  }

  [[nodiscard]] bool IsHere(const std::string& entry) const {
    return here_ && here_->name == entry;
  }

  [[nodiscard]] bool CanHold() const { return !begun_ && here_->size <= left_; }

  void HoldHere() {
    left_ -= here_->size;
    begun_ = true;  // to stay so where reading fails
    std::string text(here_->size, '\0');
    ReadHere(0, AsWritableBytes(text));
    held_.emplace(here_->name, std::make_shared<const std::string>(std::move(text)));
    here_.reset();
  }

  // Goes past the entry that is here, to the next one; false at the end.
  bool ReadOn(const std::string& wanted) {
    if (here_ && CanHold()) {
      HoldHere();
    }
    if (here_ && (streams_ || !begun_)) {
      Refuse(name_,
             wanted + " comes behind " + here_->name + " of " + FormatBytes(here_->size) +
                 ", which does not fit into the memory for what comes through a pipe; save the "
                 "image as a file (ros image build, pull and sign put what is small in front)");
    }
    if (here_) {
      passed_.emplace(here_->name, here_->size);
      here_.reset();
    }
    auto entry = ended_ ? std::nullopt : reader_.Next();
    ended_ = !entry;
    if (entry && entry->is_file) {
      here_ = std::move(*entry);
      looked_at_.clear();
      begun_ = false;
    }
    return !ended_;
  }

  std::string name_;
  std::mutex mutex_;
  Bytes left_;  // of the memory for what is held
  std::map<std::string, std::shared_ptr<const std::string>> held_;
  std::map<std::string, Bytes> passed_;  // what is not held, and its size
  std::optional<ArchiveEntry> here_;     // where the reader is
  std::vector<std::byte> looked_at_;     // of its begin
  bool begun_ = false;                   // it is not as a whole in front of the reader any more
  bool streams_ = false;                 // the reader is a stream's
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
    if (offset > size_ || into.size() > size_ - offset) {
      Refuse(name_, "it is read beyond its end");
    }
    if (stream_ && stream_->Has({.offset = offset, .length = into.size()})) {
      stream_->Read(offset, into);
    } else if (pipe_->LookAt(entry_, offset, into)) {
      return;
    } else if (auto text = pipe_->Hold(entry_)) {
      TextBlob(name_, std::move(text)).ReadAt(offset, into);
    } else {
      Refuse(name_,
             "its bytes from " + std::to_string(offset) +
                 " on have passed, and a pipe cannot go back; save the image as a file");
    }
  }

  void Announce(const std::vector<ByteRange>& ranges) override {
    if (ranges.empty()) {
      pipe_->PassOver(entry_);
      return;
    }
    if (ranges.back().End() > size_) {
      Refuse(name_, "it is read beyond its end");
    }
    if (!pipe_->BeginStream(entry_)) {
      return;
    }
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
    const auto size = pipe_->Find(entry);
    if (!size) {
      Refuse(name_, "blob " + digest.ToString() + " is missing");
    }
    return std::make_unique<PipedBlob>(pipe_, name_ + ": blob " + digest.ToString(), entry, *size);
  }

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return pipe_->Find(EntryOf(digest)).has_value();
  }

  [[nodiscard]] bool is_remote() const override { return true; }

  [[nodiscard]] bool is_passing() const override { return true; }

 private:
  [[nodiscard]] std::string ReadEntry(std::string_view entry, Bytes limit) const {
    const auto size = pipe_->Find(std::string(entry));
    if (!size) {
      Refuse(name_, "it has no " + std::string(entry) + "; this is not an OCI archive");
    }
    const auto text = *size > limit ? nullptr : pipe_->Hold(std::string(entry));
    if (!text) {
      Refuse(name_, std::string(entry) + " is longer than " + FormatBytes(limit));
    }
    return *text;
  }

  std::string name_;
  std::shared_ptr<Pipe> pipe_;
};

}  // namespace

std::unique_ptr<ImageSource> OpenPipedImage(UniqueFd pipe, std::string name, Bytes max_held) {
  return std::make_unique<PipedImage>(std::move(pipe), std::move(name), max_held);
}

}  // namespace ros::images
