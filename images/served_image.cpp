#include "images/served_image.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "images/oci_archive.hpp"
#include "images/remote_blob.hpp"
#include "registry/web_file.hpp"

namespace ros::images {
namespace {

using registry::BodySink;
using registry::WebFile;

// What is fetched at once where less is wanted: headers and small blobs lie side by side.
constexpr Bytes kWindow = Bytes{16} << 10U;

// A file on a server, for several threads.
class SharedWebFile {
 public:
  SharedWebFile(registry::WebAddress address, const registry::ConnectionOptions& options)
      : address_(std::move(address)),
        options_(options),
        file_(address_, options_),
        facts_(file_.Look()) {}

  [[nodiscard]] Bytes size() const { return facts_.size; }

  // Within the file.
  void Read(Bytes offset, MutableByteSpan into) {
    const std::lock_guard lock(mutex_);
    const ByteRange wanted{.offset = offset, .length = into.size()};
    if (Holds(0, facts_.beginning, wanted)) {
      std::ranges::copy(AsBytes(facts_.beginning).subspan(offset, into.size()), into.begin());
      return;
    }
    if (wanted.length >= kWindow) {
      Fetch(wanted, [&, done = Bytes{0}](ByteSpan piece) mutable {
        std::ranges::copy(piece, into.subspan(done).begin());
        done += piece.size();
      });
      return;
    }
    if (!Holds(window_at_, window_, wanted)) {
      FetchWindow(offset);
    }
    const auto held = AsBytes(window_).subspan(offset - window_at_, into.size());
    std::ranges::copy(held, into.begin());
  }

  // On a connection of its own, and on any thread.
  void Stream(std::span<const ByteRange> ranges,
              const std::function<bool()>& cancelled,
              const BodySink& sink) const {
    WebFile file(address_, options_, cancelled);
    file.ReadRanges(facts_, ranges, sink);
  }

 private:
  static bool Holds(Bytes at, const std::string& text, const ByteRange& wanted) {
    return wanted.offset >= at && wanted.End() <= at + text.size();
  }

  void FetchWindow(Bytes offset) {
    window_.clear();
    window_at_ = offset;
    Fetch({.offset = offset, .length = std::min(kWindow, facts_.size - offset)},
          [&](ByteSpan piece) { window_ += AsText(piece); });
  }

  void Fetch(const ByteRange& range, const BodySink& sink) {
    file_.ReadRanges(facts_, std::span(&range, 1), sink);
  }

  registry::WebAddress address_;
  registry::ConnectionOptions options_;
  std::mutex mutex_;
  WebFile file_;
  registry::WebFileFacts facts_;
  std::string window_;
  Bytes window_at_ = 0;
};

class ServedFile final : public ArchiveFile {
 public:
  ServedFile(const registry::WebAddress& address, const registry::ConnectionOptions& options)
      : name_(address.ToString()),
        options_(options),
        file_(std::make_shared<SharedWebFile>(address, options)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Bytes size() const override { return file_->size(); }

  [[nodiscard]] std::unique_ptr<Blob> Part(std::string called, ByteRange range) const override {
    const auto at = range.offset;
    return std::make_unique<RemoteBlob>(RemoteBytes{
        .name = std::move(called),
        .size = range.length,
        .read = [file = file_, at](Bytes offset,
                                   MutableByteSpan into) { file->Read(at + offset, into); },
        .read_elsewhere = {},
        .distrust = {},
        .stream =
            [file = file_, at](std::vector<ByteRange> ranges,
                               const std::function<bool()>& cancelled,
                               const BodySink& sink) {
              for (auto& part : ranges) {
                part.offset += at;
              }
              file->Stream(ranges, cancelled, sink);
            }});
  }

  [[nodiscard]] bool is_remote() const override { return true; }

  [[nodiscard]] RangeCosts range_costs() const override { return CostsOf(options_); }

 private:
  std::string name_;
  registry::ConnectionOptions options_;
  std::shared_ptr<SharedWebFile> file_;
};

}  // namespace

std::unique_ptr<ImageSource> OpenServedImage(const registry::WebAddress& address,
                                             const registry::ConnectionOptions& options) {
  return std::make_unique<OciArchive>(std::make_unique<ServedFile>(address, options));
}

}  // namespace ros::images
