#include "registry/source_download.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace ros::registry {
namespace {

// What of the ranges has been handed on.
class Handover {
 public:
  Handover(std::span<const ByteRange> ranges, const BodySink& sink)
      : ranges_(ranges), sink_(sink) {}

  void Take(ByteSpan piece) {
    is_taking_ = true;
    sink_(piece);
    is_taking_ = false;
    done_ += piece.size();
  }

  // Whether the sink has thrown.
  [[nodiscard]] bool WasRefused() const { return is_taking_; }

  [[nodiscard]] std::vector<ByteRange> Left() const {
    std::vector<ByteRange> left;
    Bytes done = done_;
    for (auto range : ranges_) {
      const auto passed = std::min(done, range.length);
      done -= passed;
      if (passed < range.length) {
        left.push_back({.offset = range.offset + passed, .length = range.length - passed});
      }
    }
    return left;
  }

 private:
  std::span<const ByteRange> ranges_;
  const BodySink& sink_;
  Bytes done_ = 0;
  bool is_taking_ = false;
};

}  // namespace

void DownloadFromSources(Sources& sources,
                         const std::function<RemoteFile(const Source&)>& file_of,
                         std::span<const ByteRange> ranges,
                         const std::function<void(const Source&)>& sends,
                         const BodySink& sink) {
  Handover handover(ranges, sink);
  const auto read = [&](const Source& source) {
    bool has_sent = false;
    const auto left = handover.Left();
    DownloadRanges(source.session, file_of(source), left, [&](ByteSpan piece) {
      if (!std::exchange(has_sent, true)) {
        sends(source);
      }
      handover.Take(piece);
    });
    return true;
  };
  sources.Read(Sources::Order::kMirrorsFirst, read, [&] { return handover.WasRefused(); });
}

}  // namespace ros::registry
