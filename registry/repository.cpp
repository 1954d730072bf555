#include "registry/repository.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/shown_text.hpp"
#include "base/word_list.hpp"
#include "registry/http_status.hpp"
#include "registry/source_download.hpp"

namespace ros::registry {
namespace {

using Order = Sources::Order;

constexpr Bytes kMaxTagList = Bytes{4} << 20U;
constexpr std::string_view kTagsPerPage = "1000";
// A blob that is kept in memory until it has been compared, where there are mirrors.
constexpr Bytes kMaxKept = Bytes{4} << 20U;

constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
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

std::string IsDamaged(const std::string& where, const std::string& what) {
  return where + ": " + what + " does not have this digest; it is damaged";
}

// Whether an index lists anything.
bool HasEntries(const std::string& index, const std::string& where) {
  const auto json = Json::Parse(index, where);
  const auto* list = json.IsObject() ? json.Find("manifests", where) : nullptr;
  return list != nullptr && list->IsArray() && !list->AsArray(where).empty();
}

// That it is no page of a portal or proxy, which answer 200 to everything. Throws kVerification.
void CheckIsManifest(const std::string& raw, const std::string& where) {
  const auto json = Json::Parse(raw, where);
  if (!json.IsObject() || json.Find("schemaVersion", where) == nullptr) {
    throw Error(ErrorKind::kVerification, where + ": what comes is no manifest");
  }
}

}  // namespace

Repository::Repository(Session& session, std::string name)
    : session_(session), name_(std::move(name)), sources_(session, name_) {}

Repository::Repository(Session& session, std::string name, Sources sources)
    : session_(session), name_(std::move(name)), sources_(std::move(sources)) {}

std::string Repository::Path(const std::string& rest) const {
  return "/v2/" + name_ + "/" + rest;
}

RemoteFile Repository::FileOf(const Source& source, const keys::Digest& digest, Bytes size) const {
  return {.url = source.Path("blobs/" + digest.ToString()),
          .size = size,
          .what = "blob " + digest.ToString() + " of " + name_};
}

std::optional<Manifest> Repository::GetManifest(const Source& source,
                                                const std::string& name,
                                                Order order) const {
  auto request = Request("GET", source.Path("manifests/" + name));
  request.headers.push_back({"accept", kManifestTypes});
  request.limit = kMaxManifest;
  // A machine whose registry is out of reach for good goes by its mirrors.
  request.waits_for_host = order == Order::kMirrorsFirst || !sources_.HasMirrors();
  auto response =
      source.session.Expect(request, {kOk, kNotFound}, "the manifest " + name + " of " + name_);
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
                source.name + ": the manifest " + name + " has another digest, " +
                    manifest.digest.ToString() + ", than the registry says, " + ShowText(said));
  }
  return manifest;
}

std::optional<Manifest> Repository::FindManifest(const std::string& tag, Order order) {
  std::optional<Manifest> manifest;
  const Source* teller = nullptr;
  sources_.Read(order, [&](const Source& source) {
    manifest = GetManifest(source, tag, order);
    if (manifest) {
      CheckIsManifest(manifest->raw, source.name + ": the manifest " + tag);
    }
    teller = &source;
    return manifest.has_value();
  });
  if (order == Order::kRegistryFirst && teller != &sources_.registry()) {
    sources_.Warn(tag + " is what " + teller->name + " knows of it, since " +
                  sources_.registry().name + " does not tell");
  }
  return manifest;
}

std::optional<Manifest> Repository::FindManifest(const keys::Digest& digest) {
  std::optional<Manifest> manifest;
  sources_.Read(Order::kMirrorsFirst, [&](const Source& source) {
    manifest = GetManifest(source, digest.ToString());
    if (manifest && manifest->digest != digest) {
      throw Error(ErrorKind::kVerification,
                  source.name + ": the manifest " + digest.ToString() + " has another digest, " +
                      manifest->digest.ToString());
    }
    return manifest.has_value();
  });
  return manifest;
}

std::optional<Manifest> Repository::GetReferrers(const Source& source,
                                                 const keys::Digest& digest) const {
  auto request = Request("GET", source.Path("referrers/" + digest.ToString()));
  request.limit = kMaxManifest;
  auto response = InContext("what refers to " + digest.ToString(),
                            [&] { return source.session.Send(request); });
  const auto type = response.Header("content-type").value_or("");
  if (response.status != kOk || !type.starts_with(kIndexType)) {
    return GetManifest(source, "sha256-" + digest.Hex());
  }
  const auto found = keys::Sha256Of(AsBytes(response.body));
  return Manifest{.raw = std::move(response.body), .media_type = kIndexType, .digest = found};
}

std::optional<Manifest> Repository::FindReferrers(const keys::Digest& digest) {
  std::optional<Manifest> list;
  sources_.Read(Order::kMirrorsFirst, [&](const Source& source) {
    list = GetReferrers(source, digest);
    // A cache may have the image and not what refers to it.
    return list && (&source == &sources_.registry() || HasEntries(list->raw, source.name));
  });
  return list;
}

void Repository::ReadBlob(const keys::Digest& digest, Bytes size, const BodySink& sink) {
  if (sources_.HasMirrors() && size <= kMaxKept) {
    ReadSmallBlob(digest, size, sink);
  } else {
    ReadLargeBlob(digest, size, sink);
  }
}

void Repository::ReadRight(const keys::Digest& digest,
                           Bytes size,
                           const ByteRange& part,
                           MutableByteSpan into,
                           const std::function<bool()>& is_right) {
  sources_.Read(Order::kMirrorsFirst, [&](const Source& source) {
    const auto file = FileOf(source, digest, size);
    Bytes done = 0;
    DownloadRanges(source.session, file, std::span(&part, 1), [&](ByteSpan piece) {
      std::ranges::copy(piece, into.subspan(done).begin());
      done += piece.size();
    });
    if (!is_right()) {
      throw Error(ErrorKind::kVerification,
                  part.length == size
                      ? IsDamaged(source.name, file.what)
                      : source.name + ": the bytes from " + std::to_string(part.offset) +
                            " on of " + file.what + " are not what the image says");
    }
    return true;
  });
}

void Repository::ReadSmallBlob(const keys::Digest& digest, Bytes size, const BodySink& sink) {
  std::vector<std::byte> content(size);
  ReadRight(digest, size, {.offset = 0, .length = size}, content, [&] {
    return keys::Sha256Of(content) == digest;
  });
  sink(content);
}

void Repository::ReadLargeBlob(const keys::Digest& digest, Bytes size, const BodySink& sink) {
  keys::Sha256 hash;
  const ByteRange whole{.offset = 0, .length = size};
  const BodySink hashing = [&](ByteSpan piece) {
    hash.Update(piece);
    sink(piece);
  };
  const auto file_of = [&](const Source& source) { return FileOf(source, digest, size); };
  std::vector<const Source*> senders;
  const auto sends = [&](const Source& source) { senders.push_back(&source); };
  DownloadFromSources(sources_, file_of, std::span(&whole, 1), sends, hashing);
  if (hash.Finish() == digest) {
    return;
  }
  const auto what = file_of(sources_.registry()).what;
  std::vector<std::string> names;
  for (const auto* sender : senders) {
    names.push_back(sender->name);
    sources_.Fail(*sender, sender->name + " has sent some of " + what + ", which came out damaged");
  }
  const auto& registry = sources_.registry();
  if (std::ranges::any_of(senders, [&](const auto* sender) { return sender != &registry; })) {
    ++wrong_blobs_;
  }
  throw Error(ErrorKind::kVerification,
              IsDamaged(names.empty() ? Name() : Join(names, " and "), what));
}

void Repository::ReadRanges(const keys::Digest& digest,
                            Bytes size,
                            std::span<const ByteRange> ranges,
                            const BodySink& sink,
                            const MirrorSends& mirror_sends) {
  DownloadFromSources(
      sources_,
      [&](const Source& source) { return FileOf(source, digest, size); },
      ranges,
      [&](const Source& source) {
        if (mirror_sends && &source != &sources_.registry()) {
          mirror_sends(source.endpoint);
        }
      },
      sink);
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
  const Source* teller = nullptr;
  const auto read = [&](const Source& source) {
    tags = GetTags(source);
    teller = &source;
    return true;
  };
  const auto refused = [&] {
    const auto status = session_.last_status();
    return status >= kBadRequest && !MayPass(status);
  };
  sources_.Read(Order::kRegistryFirst, read, refused);
  if (teller != &sources_.registry()) {
    sources_.Warn("the tags are those that " + teller->name + " knows, since " +
                  sources_.registry().name + " does not tell them");
  }
  return tags;
}

std::vector<std::string> Repository::GetTags(const Source& source) const {
  std::vector<std::string> tags;
  auto url = source.Path("tags/list?n=" + std::string(kTagsPerPage));
  const auto where = source.name + ": the list of tags";
  while (!url.empty()) {
    auto request = Request("GET", url);
    request.limit = kMaxTagList;
    const auto response = source.session.Expect(request, {kOk}, "the tags of " + name_);
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
    url = next.empty() ? next : source.session.Resolve(next);
  }
  return tags;
}

}  // namespace ros::registry
