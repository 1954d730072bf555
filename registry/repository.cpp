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

// A blob that comes, over as many connections as it takes.
struct Download {
  const BodySink& sink;
  Bytes size;
  Bytes done = 0;
  keys::Sha256 hash;

  // Where the body of this response goes: a server that knows no Range begins at the start again.
  BodySink Open(const HttpResponse& head) {
    Bytes skip = done;
    if (head.status == kPartial) {
      CheckRange(head.Header("content-range").value_or(""));
      skip = 0;
    }
    return [this, skip](ByteSpan piece) mutable {
      const auto old = std::min<Bytes>(skip, piece.size());
      skip -= old;
      Take(piece.subspan(old));
    };
  }

 private:
  void CheckRange(const std::string& range) const {
    if (!range.starts_with("bytes " + std::to_string(done) + "-")) {
      throw Error(ErrorKind::kNetwork,
                  "asked for the bytes from " + std::to_string(done) + " on, and got \"" +
                      ShowText(range) + "\"");
    }
  }

  void Take(ByteSpan piece) {
    if (piece.size() > size - done) {
      throw Error(ErrorKind::kVerification,
                  "more than the " + std::to_string(size) + " bytes that it has");
    }
    hash.Update(piece);
    sink(piece);
    done += piece.size();
  }
};

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

void Repository::ReadBlob(const keys::Digest& digest, Bytes size, const BodySink& sink) {
  const auto doing = "blob " + digest.ToString() + " of " + name_;
  Download download{.sink = sink, .size = size, .hash = {}};
  int vain = 0;
  do {
    const auto before = download.done;
    auto request = Request("GET", Path("blobs/" + digest.ToString()));
    request.limit = size;
    if (before > 0) {
      request.headers.push_back({"range", "bytes=" + std::to_string(before) + "-"});
    }
    request.open_sink = [&](const HttpResponse& head) { return download.Open(head); };
    const auto response = InContext(doing, [&] { return session_.Send(request); });
    vain = download.done > before ? 0 : vain + 1;
    CheckPart(response, vain, doing);
  } while (download.done < size);
  if (download.hash.Finish() != digest) {
    throw Error(ErrorKind::kVerification,
                Name() + ": " + doing + " does not have this digest; it is damaged");
  }
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
