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
constexpr int kNotFound = 404;
constexpr Bytes kMaxTagList = Bytes{4} << 20U;
constexpr std::string_view kTagsPerPage = "1000";

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

Repository::Repository(Session& session, std::string name)
    : session_(session), name_(std::move(name)) {}

std::string Repository::Path(const std::string& rest) const {
  return "/v2/" + name_ + "/" + rest;
}

RemoteFile Repository::FileOf(const keys::Digest& digest, Bytes size) const {
  return {.url = Path("blobs/" + digest.ToString()),
          .size = size,
          .what = "blob " + digest.ToString() + " of " + name_};
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
  const auto file = FileOf(digest, size);
  keys::Sha256 hash;
  const ByteRange whole{.offset = 0, .length = size};
  const BodySink hashing = [&](ByteSpan piece) {
    hash.Update(piece);
    sink(piece);
  };
  DownloadRanges(session_, file, std::span(&whole, 1), hashing);
  if (hash.Finish() != digest) {
    throw Error(ErrorKind::kVerification,
                Name() + ": " + file.what + " does not have this digest; it is damaged");
  }
}

void Repository::ReadRanges(const keys::Digest& digest,
                            Bytes size,
                            std::span<const ByteRange> ranges,
                            const BodySink& sink) {
  DownloadRanges(session_, FileOf(digest, size), ranges, sink);
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
