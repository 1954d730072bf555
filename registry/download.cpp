#include "registry/download.hpp"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/shown_text.hpp"
#include "registry/http_status.hpp"
#include "registry/multipart.hpp"

namespace ros::registry {
namespace {

// What is no answer to the question whether it knows several ranges: who asks, or for what, is not
// right.
constexpr std::array kNoAnswers = {kUnauthorized, kNotFound};
// Tries in a row that bring nothing, or next to nothing before the line breaks: what a line brings
// in a minute that is just alive (curl_transport.hpp).
constexpr int kMaxVain = 3;
constexpr Bytes kNextToNothing = Bytes{60} << 10U;
// Ranges of one request: at most 2.7 KiB of a header, where servers take 8, and a third of what
// Apache allows.
constexpr std::size_t kMaxRuns = 64;

bool IsOneAtATime(SeveralRanges found) {
  return found == SeveralRanges::kNever || found == SeveralRanges::kNorOne;
}

// The ranges that are still to come, over as many connections as it takes.
class Download {
 public:
  Download(Bytes size, std::span<const ByteRange> ranges, const BodySink& sink)
      : size_(size), ranges_(ranges), sink_(sink) {
    PassEmpty();
  }

  [[nodiscard]] bool IsDone() const { return ranges_.empty(); }

  [[nodiscard]] Bytes size() const { return size_; }

  // Bytes that were handed on.
  [[nodiscard]] Bytes taken() const { return taken_; }

  // The byte of the file that is wanted next.
  [[nodiscard]] Bytes Next() const { return ranges_.front().offset + done_; }

  // Whether a byte is wanted that is at this place or not far behind it.
  [[nodiscard]] bool WantsSoon(Bytes place) const {
    return !IsDone() && Next() <= place + kGapOfOne;
  }

  // What to ask for next, as ranges that do not lie close to each other.
  [[nodiscard]] std::vector<ByteRange> NextRuns(std::size_t most) const {
    const auto gap = most > 1 ? kGapOfSeveral : kGapOfOne;
    std::vector<ByteRange> runs{{.offset = Next(), .length = ranges_.front().length - done_}};
    for (const auto& range : ranges_.subspan(1)) {
      if (range.length == 0) {
        continue;
      }
      if (range.offset - runs.back().End() > gap) {
        if (runs.size() == most) {
          break;
        }
        runs.push_back({.offset = range.offset, .length = 0});
      }
      runs.back().length = range.End() - runs.back().offset;
    }
    return runs;
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
      taken_ += wanted;
      PassEmpty();
    }
  }

 private:
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
  Bytes taken_ = 0;
  const BodySink& sink_;
};

// The answer to one request for these bytes, the first of which are wanted next.
class Answer {
 public:
  Answer(Download& download, std::vector<ByteRange> asked)
      : download_(download), asked_(std::move(asked)) {}

  [[nodiscard]] const std::vector<ByteRange>& asked() const { return asked_; }

  // Whether this side has ended it before it was at its end.
  [[nodiscard]] bool given_up() const { return given_up_; }

  // What it shows of the server, with its status and by whether it has brought anything. Servers
  // that know no several ranges, and what stands before them, refuse with any status, or close the
  // connection.
  [[nodiscard]] SeveralRanges Shows(SeveralRanges known, int status, bool came) const {
    if (!IsForSeveral()) {
      return ShowsOfOne(known, status);
    }
    if (plain_ || given_up_) {
      return SeveralRanges::kNever;
    }
    // Also where the connection broke before anything of the parts was there.
    if (came || (parts_ && status != kPartial)) {
      return SeveralRanges::kAnswered;
    }
    const bool refused = std::ranges::find(kNoAnswers, status) == kNoAnswers.end();
    // Behind one address may be servers of which only some answer; what passes says nothing.
    return refused && (known == SeveralRanges::kUnknown || !MayPass(status)) ? SeveralRanges::kNever
                                                                             : known;
  }

  // Throws where it is no answer for this file.
  void Check(const RemoteFile& file, const HttpResponse& head) {
    if (file.check) {
      OrGiveUp([&] { file.check(head); });
    }
  }

  // Where its body goes.
  BodySink Open(const HttpResponse& head) {
    if (IsForSeveral() && head.status == kPartial) {
      const auto type = head.Header("content-type").value_or("");
      if (const auto boundary = OrGiveUp([&] { return FindBoundary(type); })) {
        return OpenParts(*boundary);
      }
    }
    return OpenPlain(head);
  }

 private:
  [[nodiscard]] bool IsForSeveral() const { return asked_.size() > 1; }

  // A cache may send all of a file until it has it.
  [[nodiscard]] SeveralRanges ShowsOfOne(SeveralRanges known, int status) const {
    if (from_start_) {
      return SeveralRanges::kNorOne;
    }
    return known == SeveralRanges::kNorOne && status == kPartial ? SeveralRanges::kNever : known;
  }

  // What is wrong with an answer to several ranges is no error: one at a time may go well.
  template <typename Work>
  std::invoke_result_t<Work> OrGiveUp(Work&& work) {
    try {
      return work();
    } catch (const Error&) {
      given_up_ = IsForSeveral();
      throw;
    }
  }

  BodySink OpenParts(const std::string& boundary) {
    parts_ = true;
    return [this,
            reader = MultipartReader(boundary, asked_, download_.size())](ByteSpan piece) mutable {
      while (!piece.empty()) {
        const auto part = OrGiveUp([&] { return reader.Read(piece); });
        download_.Take(part.offset, part.bytes);
      }
    };
  }

  // A server that knows no Range begins at the start. What is behind all that is wanted is not
  // waited for.
  BodySink OpenPlain(const HttpResponse& head) {
    plain_ = true;
    Bytes place = 0;
    Bytes end = download_.size();
    if (head.status == kPartial) {
      OrGiveUp([&] { CheckRange(head.Header("content-range").value_or("")); });
      place = asked_.front().offset;
      end = asked_.back().End();
    } else {
      from_start_ = head.status == kOk && asked_.front().length < download_.size();
    }
    return [this, place, end](ByteSpan piece) mutable {
      const bool is_more = piece.size() > end - place;
      if (IsForSeveral() && (is_more || !download_.WantsSoon(place))) {
        given_up_ = true;
        throw Error(ErrorKind::kNetwork, "what comes was not asked for");
      }
      if (is_more) {
        throw Error(
            ErrorKind::kVerification,
            "more came than the bytes up to " + std::to_string(end) + " that were asked for");
      }
      download_.Take(place, piece);
      place += piece.size();
      if (download_.IsDone() && end - place > kGapOfOne) {
        given_up_ = true;
        throw Error(ErrorKind::kNetwork, "what comes now is not wanted");
      }
    };
  }

  void CheckRange(const std::string& range) const {
    const auto first = std::to_string(asked_.front().offset);
    if (!range.starts_with("bytes " + first + "-")) {
      throw Error(ErrorKind::kNetwork,
                  "asked for the bytes from " + first + " on, and got \"" + ShowText(range) + "\"");
    }
  }

  Download& download_;
  std::vector<ByteRange> asked_;
  bool plain_ = false;       // its body is no parts
  bool parts_ = false;       // its body is some
  bool from_start_ = false;  // its body is all of the file, where one part was asked for
  bool given_up_ = false;
};

HttpRequest MakeRequest(const RemoteFile& file, const std::vector<ByteRange>& asked) {
  HttpRequest request;
  request.method = "GET";
  request.url = file.url;
  request.limit = file.size;
  if (asked.size() > 1) {
    request.limit = CheckedAdd(file.size, (asked.size() + 1) * kMaxPartHead, file.what);
  }
  if (asked.size() > 1 || asked.front().length < file.size) {
    std::string value;
    for (const auto& run : asked) {
      value += (value.empty() ? "bytes=" : ",") + std::to_string(run.offset) + "-" +
               std::to_string(run.End() - 1);
    }
    request.headers.push_back({"range", value});
  }
  return request;
}

HttpResponse Fetch(Session& session, const RemoteFile& file, Answer& answer) {
  auto request = MakeRequest(file, answer.asked());
  request.once = answer.asked().size() > 1 && session.several_ranges() == SeveralRanges::kUnknown;
  request.open_sink = [&](const HttpResponse& head) {
    answer.Check(file, head);
    return answer.Open(head);
  };
  try {
    return InContext(file.what, [&] { return session.Send(request); });
  } catch (const Error&) {
    if (!answer.given_up()) {
      throw;
    }
    return {.status = kPartial, .failure = {}, .headers = {}, .body = {}};
  }
}

// What a response with this status has shown of the server, and was not known.
void Note(Session& session, SeveralRanges shown, int status) {
  session.set_several_ranges(shown);
  // A line that broke, or a server that is busy, may answer others.
  if (status != 0 && !MayPass(status)) {
    session.ShareSeveralRanges();
  }
}

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
    const auto before = download.taken();
    const auto known = session.several_ranges();
    Answer answer(download, download.NextRuns(IsOneAtATime(known) ? 1 : kMaxRuns));
    const auto response = Fetch(session, file, answer);
    const auto came = download.taken() - before;
    const auto shown = answer.Shows(known, response.status, came > 0);
    if (shown != known) {
      Note(session, shown, response.status);
    }
    if (answer.asked().size() > 1 && !IsOneAtATime(known) && IsOneAtATime(shown)) {
      continue;
    }
    const bool broke = response.status == 0;
    vain = came > (broke ? kNextToNothing : 0) || download.IsDone() ? 0 : vain + 1;
    CheckPart(session, response, vain, file.what);
  }
}

}  // namespace ros::registry
