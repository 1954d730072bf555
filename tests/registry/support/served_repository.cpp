#include "tests/registry/support/served_repository.hpp"

#include "keys/digest.hpp"
#include "tests/registry/support/served_file.hpp"

namespace ros::testing {
namespace {

std::string DigestOf(const std::string& content) {
  return keys::Sha256Of(AsBytes(content)).ToString();
}

ServedReply Refuse(int status, const std::string& code) {
  return {.status = status,
          .headers = {{"content-type", "application/json"}},
          .body = R"({"errors": [{"code": ")" + code + R"(", "message": "refused"}]})"};
}

}  // namespace

std::string ServedRepository::AddManifest(const std::string& tag, const std::string& raw) {
  auto digest = DigestOf(raw);
  manifests[digest] = raw;
  tags[tag] = digest;
  return digest;
}

std::string ServedRepository::AddBlob(const std::string& content) {
  auto digest = DigestOf(content);
  blobs[digest] = content;
  return digest;
}

ServedReply ServedRepository::Answer(const ServedRequest& request) {
  if (!request.path.starts_with(prefix_)) {
    return Refuse(404, "NAME_UNKNOWN");
  }
  const auto rest = request.path.substr(prefix_.size());
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (const std::string kind = "manifests/"; rest.starts_with(kind) && reads) {
    return Manifest(rest.substr(kind.size()));
  } else if (rest.starts_with(kind) && request.method == "PUT") {
    return Put(rest.substr(kind.size()), request.body);
  }
  if (rest == "tags/list" && reads) {
    return Tags();
  }
  if (rest == "blobs/uploads/" && request.method == "POST") {
    return StartUpload(request);
  }
  if (rest.starts_with("blobs/uploads/")) {
    return request.path == Place() ? GoOn(request) : Refuse(404, "BLOB_UPLOAD_UNKNOWN");
  }
  if (const std::string kind = "blobs/"; rest.starts_with(kind) && reads) {
    return Blob(request, rest.substr(kind.size()));
  }
  return Refuse(405, "UNSUPPORTED");
}

ServedReply ServedRepository::Manifest(const std::string& name) const {
  const auto tag = tags.find(name);
  const auto found = manifests.find(tag == tags.end() ? name : tag->second);
  if (found == manifests.end()) {
    return Refuse(404, "MANIFEST_UNKNOWN");
  }
  return {.headers = {{"content-type", "application/vnd.oci.image.manifest.v1+json"},
                      {"docker-content-digest", found->first}},
          .body = found->second};
}

ServedReply ServedRepository::Put(const std::string& name, const std::string& raw) {
  const auto digest = DigestOf(raw);
  if (name.find(':') == std::string::npos) {
    tags[name] = digest;
  } else if (name != digest) {
    return Refuse(400, "DIGEST_INVALID");
  }
  manifests[digest] = raw;
  return {.status = 201, .headers = {{"docker-content-digest", digest}}, .body = {}};
}

ServedReply ServedRepository::Tags() const {
  std::string list;
  for (const auto& [tag, digest] : tags) {
    list += (list.empty() ? "\"" : ", \"") + tag + "\"";
  }
  return {.headers = {{"content-type", "application/json"}},
          .body = R"({"name": "served", "tags": [)" + list + "]}"};
}

ServedReply ServedRepository::Blob(const ServedRequest& request, const std::string& digest) const {
  const auto found = blobs.find(digest);
  if (found == blobs.end()) {
    return Refuse(404, "BLOB_UNKNOWN");
  }
  return ServeFile(request, found->second);
}

std::string ServedRepository::Place() const {
  return prefix_ + "blobs/uploads/" + std::to_string(uploads_) + "-" + std::to_string(step_);
}

ServedReply ServedRepository::StartUpload(const ServedRequest& request) {
  const auto mounted = request.Query("mount");
  if (elsewhere.contains(request.Query("from") + " " + mounted)) {
    return {.status = 201, .headers = {{"location", prefix_ + "blobs/" + mounted}}, .body = {}};
  }
  upload_.clear();
  short_ = false;
  ++uploads_;
  step_ = 0;
  ServedReply reply{.status = 202, .headers = {{"location", Place() + "?state=x"}}, .body = {}};
  if (least_chunk > 0) {
    reply.Set("oci-chunk-min-length", std::to_string(least_chunk));
  }
  return reply;
}

ServedReply ServedRepository::GoOn(const ServedRequest& request) {
  if (request.Query("state") != "x") {
    return Refuse(400, "BLOB_UPLOAD_INVALID");
  }
  if (request.method == "PUT") {
    return Finish(request);
  }
  const auto end = upload_.size() + request.body.size();
  if (request.method != "PATCH" || request.body.empty() ||
      request.Header("content-range") !=
          std::to_string(upload_.size()) + "-" + std::to_string(end - 1)) {
    return Refuse(416, "RANGE_INVALID");
  }
  if (short_) {
    return Refuse(400, "SIZE_INVALID");
  }
  short_ = request.body.size() < least_chunk;
  upload_ += request.body;
  ++step_;
  return {
      .status = 202,
      .headers = {{"location", Place() + "?state=x"}, {"range", "0-" + std::to_string(end - 1)}},
      .body = {}};
}

ServedReply ServedRepository::Finish(const ServedRequest& request) {
  upload_ += request.body;
  ++step_;
  const auto digest = request.Query("digest");
  if (DigestOf(upload_) != digest) {
    return Refuse(400, "DIGEST_INVALID");
  }
  AddBlob(upload_);
  return {.status = 201, .headers = {{"location", prefix_ + "blobs/" + digest}}, .body = {}};
}

}  // namespace ros::testing
