#include "registry/upload.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.hpp"
#include "registry/http_status.hpp"

namespace ros::registry {
namespace {

constexpr Bytes kSmaller = 4;

// One upload after the other of the same blob, until one is taken.
class Upload {
 public:
  Upload(Session& session,
         const std::string& repository,
         const keys::Digest& digest,
         const HttpBody& body)
      : session_(session),
        start_("/v2/" + repository + "/blobs/uploads/"),
        digest_(digest),
        body_(body),
        doing_("uploading blob " + digest.ToString() + " to " + repository) {}

  // Whether the registry has it from there now; if not, an upload may have begun.
  bool Mount(const std::string& from) {
    const auto url =
        start_ + "?mount=" + PercentEncode(digest_.ToString()) + "&from=" + PercentEncode(from);
    const auto response = Send(Begin(url));
    if (response.status == kAccepted) {
      GoOnAt(response);
    }
    return response.status == kCreated;
  }

  // The last response: of the request that was refused, or 201.
  HttpResponse Write(Bytes piece) {
    if (url_.empty()) {
      GoOnAt(session_.Expect(Begin(start_), {kAccepted}, doing_));
    }
    piece = std::max(piece, least_);
    auto response = piece < body_.size ? WritePieces(piece) : Finish(body_);
    url_.clear();
    return response;
  }

  [[nodiscard]] Error ErrorOf(const HttpResponse& response) const {
    return session_.ErrorOf(response, doing_);
  }

 private:
  static HttpRequest Begin(const std::string& url) {
    HttpRequest request;
    request.method = "POST";
    request.url = url;
    request.body = HttpBody{.size = 0, .read = {}};
    return request;
  }

  HttpResponse Send(const HttpRequest& request) {
    return InContext(doing_, [&] { return session_.Send(request); });
  }

  void GoOnAt(const HttpResponse& response) {
    const auto location = response.Header("location");
    if (!location) {
      throw Error(ErrorKind::kNetwork,
                  session_.host() + ": " + doing_ + ": the registry does not say where to");
    }
    url_ = InContext(doing_, [&] { return session_.Resolve(*location); });
    const auto least = response.Header("oci-chunk-min-length").value_or("");
    std::from_chars(least.data(), least.data() + least.size(), least_);
  }

  HttpResponse WritePieces(Bytes piece) {
    for (Bytes at = 0; at < body_.size;) {
      const auto length = std::min(piece, body_.size - at);
      auto request = Begin(url_);
      request.method = "PATCH";
      request.headers = {
          {"content-type", "application/octet-stream"},
          {"content-range", std::to_string(at) + "-" + std::to_string(at + length - 1)}};
      request.body =
          HttpBody{.size = length, .read = [this, at](Bytes offset, MutableByteSpan into) {
                     body_.read(at + offset, into);
                   }};
      auto response = Send(request);
      if (response.status != kAccepted) {
        return response;
      }
      GoOnAt(response);
      at += length;
    }
    return Finish({.size = 0, .read = {}});
  }

  HttpResponse Finish(const HttpBody& rest) {
    auto request = Begin(url_ + (url_.find('?') == std::string::npos ? "?" : "&") +
                         "digest=" + PercentEncode(digest_.ToString()));
    request.method = "PUT";
    request.headers = {{"content-type", "application/octet-stream"}};
    request.body = rest;
    return Send(request);
  }

  Session& session_;
  std::string start_;
  const keys::Digest& digest_;
  const HttpBody& body_;
  std::string doing_;
  std::string url_;  // where the upload goes on; empty where none has begun
  Bytes least_ = 0;
};

}  // namespace

void UploadBlob(Session& session,
                const std::string& repository,
                const keys::Digest& digest,
                const HttpBody& body,
                const UploadOptions& options) {
  Upload upload(session, repository, digest, body);
  if (!options.mount_from.empty() && upload.Mount(options.mount_from)) {
    return;
  }
  for (auto piece = std::min(options.piece, body.size);; piece /= kSmaller) {
    const auto response = upload.Write(piece);
    if (response.status == kCreated) {
      return;
    }
    if (response.status != kContentTooLarge || piece / kSmaller < kMinPiece) {
      throw upload.ErrorOf(response);
    }
  }
}

}  // namespace ros::registry
