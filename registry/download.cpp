#include "registry/download.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::registry {
namespace {

constexpr int kOk = 200;
constexpr int kPartial = 206;
constexpr int kRangeNotSatisfiable = 416;
// Tries in a row that bring nothing.
constexpr int kMaxVain = 3;
// Bytes that are fetched without need, where that saves a request.
constexpr Bytes kMaxGap = Bytes{16} << 10U;

// The ranges that are still to come, over as many connections as it takes.
class Download {
 public:
  Download(Bytes size, std::span<const ByteRange> ranges, const BodySink& sink)
      : size_(size), ranges_(ranges), sink_(sink) {
    PassEmpty();
  }

  [[nodiscard]] bool IsDone() const { return ranges_.empty(); }

  // The byte of the file that is wanted next.
  [[nodiscard]] Bytes Next() const { return ranges_.front().offset + done_; }

  // Where a request for the next byte ends, so that ranges close to each other come together.
  [[nodiscard]] Bytes EndOfRun() const {
    Bytes end = ranges_.front().End();
    for (const auto& range : ranges_.subspan(1)) {
      if (range.offset - end > kMaxGap) {
        break;
      }
      end = range.End();
    }
    return end;
  }

  // Where the body of this response goes: a server that knows no Range begins at the start.
  BodySink Open(const HttpResponse& head) {
    Bytes place = 0;
    Bytes end = size_;
    if (head.status == kPartial) {
      CheckRange(head.Header("content-range").value_or(""));
      place = Next();
      end = EndOfRun();
    }
    return [this, place, end](ByteSpan piece) mutable {
      if (piece.size() > end - place) {
        throw Error(
            ErrorKind::kVerification,
            "more came than the bytes up to " + std::to_string(end) + " that were asked for");
      }
      Take(place, piece);
      place += piece.size();
    };
  }

 private:
  void CheckRange(const std::string& range) const {
    if (!range.starts_with("bytes " + std::to_string(Next()) + "-")) {
      throw Error(ErrorKind::kNetwork,
                  "asked for the bytes from " + std::to_string(Next()) + " on, and got \"" +
                      ShowText(range) + "\"");
    }
  }

  // Hands on what is wanted of a piece that is at this place in the file.
  void Take(Bytes place, ByteSpan piece) {
    while (!piece.empty() && !IsDone()) {
      const auto skipped = std::min<Bytes>(Next() - place, piece.size());
      const auto wanted = std::min<Bytes>(piece.size() - skipped, ranges_.front().length - done_);
      if (wanted > 0) {
        sink_(piece.subspan(skipped, wanted));
      }
      piece = piece.subspan(skipped + wanted);
      place += skipped + wanted;
      done_ += wanted;
      PassEmpty();
    }
  }

  // Goes on to the next range where this one is there as a whole.
  void PassEmpty() {
    while (!ranges_.empty() && done_ == ranges_.front().length) {
      ranges_ = ranges_.subspan(1);
      done_ = 0;
    }
  }

  Bytes size_;                         // of the file
  std::span<const ByteRange> ranges_;  // what is still wanted
  Bytes done_ = 0;                     // of the first of them
  const BodySink& sink_;
};

// Throws where this response is the end, after so many tries in vain.
void CheckPart(const Session& session,
               const HttpResponse& response,
               int vain,
               const std::string& what) {
  const bool ended = response.status == kRangeNotSatisfiable;
  const bool came = response.status == kOk || response.status == kPartial || ended;
  if ((response.status != 0 && !came) || (!came && vain == kMaxVain)) {
    throw session.ErrorOf(response, what);
  }
  if (vain == kMaxVain || ended) {
    throw Error(ErrorKind::kVerification,
                session.host() + ": " + what + " is shorter than its size says");
  }
}

}  // namespace

void DownloadRanges(Session& session,
                    const RemoteFile& file,
                    std::span<const ByteRange> ranges,
                    const BodySink& sink) {
  Download download(file.size, ranges, sink);
  int vain = 0;
  while (!download.IsDone()) {
    const auto before = download.Next();
    const auto end = download.EndOfRun();
    HttpRequest request;
    request.method = "GET";
    request.url = file.url;
    request.limit = file.size;
    if (before > 0 || end < file.size) {
      request.headers.push_back(
          {"range", "bytes=" + std::to_string(before) + "-" + std::to_string(end - 1)});
    }
    request.open_sink = [&](const HttpResponse& head) { return download.Open(head); };
    const auto response = InContext(file.what, [&] { return session.Send(request); });
    vain = download.IsDone() || download.Next() > before ? 0 : vain + 1;
    CheckPart(session, response, vain, file.what);
  }
}

}  // namespace ros::registry
