#include "registry/repository.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/shown_text.hpp"

namespace ros::registry {
namespace {

constexpr int kOk = 200;
constexpr int kCreated = 201;
constexpr int kPartial = 206;
constexpr int kNotFound = 404;
constexpr int kRangeNotSatisfiable = 416;
constexpr Bytes kMaxTagList = Bytes{4} << 20U;
constexpr std::string_view kTagsPerPage = "1000";
// Tries in a row that bring nothing of a blob.
constexpr int kMaxVain = 3;
// Bytes that are fetched without need, where that saves a request.
constexpr Bytes kMaxGap = Bytes{16} << 10U;

constexpr const char* kManifestTypes =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json";

HttpRequest Request(const std::string& method, std::string url) {
  HttpRequest request;
  request.method = method;
  request.url = std::move(url);
  return request;
}

HttpBody BodyOf(const std::string& text) {
  return {.size = text.size(), .read = [&text](Bytes offset, MutableByteSpan into) {
            std::ranges::copy(AsBytes(text).subspan(offset, into.size()), into.begin());
          }};
}

// The target of `<...>; rel="next"` in a Link header (RFC 8288); empty where there is none.
std::string NextPage(const HttpResponse& response) {
  const auto link = response.Header("link").value_or("");
  const auto begin = link.find('<');
  const auto end = link.find('>', begin);
  if (begin == std::string::npos || end == std::string::npos ||
      link.find("next", end) == std::string::npos) {
    return {};
  }
  return link.substr(begin + 1, end - begin - 1);
}

}  // namespace

// Ranges of a blob that come, over as many connections as it takes.
struct Repository::Download {
  Download(Bytes size, std::span<const ByteRange> ranges, const BodySink& sink)
      : size_(size), ranges_(ranges), sink_(sink) {
    PassEmpty();
  }

  [[nodiscard]] bool IsDone() const { return ranges_.empty(); }

  // The byte of the blob that is wanted next.
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

  // Hands on what is wanted of a piece that is at this place in the blob.
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

  Bytes size_;                         // of the blob
  std::span<const ByteRange> ranges_;  // what is still wanted
  Bytes done_ = 0;                     // of the first of them
  const BodySink& sink_;
};

Repository::Repository(Session& session, std::string name)
    : session_(session), name_(std::move(name)) {}

std::string Repository::Path(const std::string& rest) const {
  return "/v2/" + name_ + "/" + rest;
}

std::optional<Manifest> Repository::GetManifest(const std::string& name) {
  auto request = Request("GET", Path("manifests/" + name));
  request.headers.push_back({"accept", kManifestTypes});
  request.limit = kMaxManifest;
  auto response =
      session_.Expect(request, {kOk, kNotFound}, "the manifest " + name + " of " + name_);
  if (response.status == kNotFound) {
    return std::nullopt;
  }
  Manifest manifest{.raw = std::move(response.body),
                    .media_type = response.Header("content-type").value_or(""),
                    .digest = {}};
  manifest.digest = keys::Sha256Of(AsBytes(manifest.raw));
  const auto said = response.Header("docker-content-digest").value_or("");
  if (said.starts_with("sha256:") && said != manifest.digest.ToString()) {
    throw Error(ErrorKind::kVerification,
                Name() + ": the manifest " + name + " has another digest, " +
                    manifest.digest.ToString() + ", than the registry says, " + ShowText(said));
  }
  return manifest;
}

std::optional<Manifest> Repository::FindManifest(const std::string& tag) {
  return GetManifest(tag);
}

std::optional<Manifest> Repository::FindManifest(const keys::Digest& digest) {
  auto manifest = GetManifest(digest.ToString());
  if (manifest && manifest->digest != digest) {
    throw Error(ErrorKind::kVerification,
                Name() + ": the manifest " + digest.ToString() + " has another digest, " +
                    manifest->digest.ToString());
  }
  return manifest;
}

void Repository::Fetch(const keys::Digest& digest,
                       Bytes size,
                       Download& download,
                       const std::string& doing) {
  int vain = 0;
  while (!download.IsDone()) {
    const auto before = download.Next();
    const auto end = download.EndOfRun();
    auto request = Request("GET", Path("blobs/" + digest.ToString()));
    request.limit = size;
    if (before > 0 || end < size) {
      request.headers.push_back(
          {"range", "bytes=" + std::to_string(before) + "-" + std::to_string(end - 1)});
    }
    request.open_sink = [&](const HttpResponse& head) { return download.Open(head); };
    const auto response = InContext(doing, [&] { return session_.Send(request); });
    vain = download.IsDone() || download.Next() > before ? 0 : vain + 1;
    CheckPart(response, vain, doing);
  }
}

void Repository::ReadBlob(const keys::Digest& digest, Bytes size, const BodySink& sink) {
  const auto doing = "blob " + digest.ToString() + " of " + name_;
  keys::Sha256 hash;
  const ByteRange whole{.offset = 0, .length = size};
  const BodySink hashing = [&](ByteSpan piece) {
    hash.Update(piece);
    sink(piece);
  };
  Download download(size, std::span(&whole, 1), hashing);
  Fetch(digest, size, download, doing);
  if (hash.Finish() != digest) {
    throw Error(ErrorKind::kVerification,
                Name() + ": " + doing + " does not have this digest; it is damaged");
  }
}

void Repository::ReadRanges(const keys::Digest& digest,
                            Bytes size,
                            std::span<const ByteRange> ranges,
                            const BodySink& sink) {
  Download download(size, ranges, sink);
  Fetch(digest, size, download, "blob " + digest.ToString() + " of " + name_);
}

void Repository::CheckPart(const HttpResponse& response, int vain, const std::string& doing) const {
  const bool ended = response.status == kRangeNotSatisfiable;
  const bool came = response.status == kOk || response.status == kPartial || ended;
  if ((response.status != 0 && !came) || (!came && vain == kMaxVain)) {
    throw session_.ErrorOf(response, doing);
  }
  if (vain == kMaxVain || ended) {
    throw Error(ErrorKind::kVerification, Name() + ": " + doing + " is shorter than its size says");
  }
}

bool Repository::HasBlob(const keys::Digest& digest) {
  return session_
             .Expect(Request("HEAD", Path("blobs/" + digest.ToString())),
                     {kOk, kNotFound},
                     "blob " + digest.ToString() + " of " + name_)
             .status == kOk;
}

void Repository::WriteBlob(const keys::Digest& digest,
                           const HttpBody& body,
                           const UploadOptions& options) {
  if (!HasBlob(digest)) {
    UploadBlob(session_, name_, digest, body, options);
  }
}

void Repository::WriteManifest(const std::string& name,
                               const std::string& raw,
                               const std::string& type) {
  auto request = Request("PUT", Path("manifests/" + name));
  request.headers.push_back({"content-type", type});
  request.body = BodyOf(raw);
  session_.Expect(request, {kCreated}, "the manifest " + name + " of " + name_);
}

std::vector<std::string> Repository::ListTags() {
  std::vector<std::string> tags;
  auto url = Path("tags/list?n=" + std::string(kTagsPerPage));
  const auto where = Name() + ": the list of tags";
  while (!url.empty()) {
    auto request = Request("GET", url);
    request.limit = kMaxTagList;
    const auto response = session_.Expect(request, {kOk}, "the tags of " + name_);
    const auto json = Json::Parse(response.body, where);
    const auto before = tags.size();
    if (const auto* list = json.Find("tags", where); list != nullptr && !list->IsNull()) {
      for (const auto& tag : list->AsArray(where)) {
        tags.push_back(tag.AsString(where));
      }
    }
    if (tags.size() > kMaxTags) {
      throw Error(ErrorKind::kNetwork, where + " has more than " + std::to_string(kMaxTags));
    }
    // A page without tags ends it, whatever it links to.
    const auto next = tags.size() > before ? NextPage(response) : std::string();
    url = next.empty() ? next : session_.Resolve(next);
  }
  return tags;
}

}  // namespace ros::registry
