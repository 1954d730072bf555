#include "registry/upload.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "registry/curl_transport.hpp"
#include "registry/repository.hpp"
#include "tests/registry/support/no_proxy.hpp"
#include "tests/registry/support/served_repository.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::keys::Sha256Of;
using ros::registry::CurlTransport;
using ros::registry::HttpBody;
using ros::registry::Repository;
using ros::registry::Session;
using ros::testing::FaultServer;
using ros::testing::ServedReply;
using ros::testing::ServedRepository;
using ros::testing::ServedRequest;

namespace {

using Fault = std::function<void(const ServedRequest&, ServedReply&)>;

struct Frame {
  explicit Frame(std::size_t longest_body = std::size_t{1} << 30U, Fault its_fault = {})
      : fault(std::move(its_fault)),
        server(
            [this](const ServedRequest& request) {
              auto reply = served.Answer(request);
              if (fault) {
                fault(request, reply);
              }
              return reply;
            },
            longest_body) {}

  // Uploads it, and gives what the server was asked after the HEAD: "POST", "PATCH 0-9", "PUT 10".
  std::vector<std::string> Write(const std::string& content,
                                 const ros::registry::UploadOptions& options) {
    const HttpBody body{
        .size = content.size(), .read = [&](ros::Bytes offset, ros::MutableByteSpan into) {
          std::ranges::copy(AsBytes(content).subspan(offset, into.size()), into.begin());
        }};
    const auto digest = Sha256Of(AsBytes(content));
    repository.WriteBlob(digest, body, options);
    std::vector<std::string> steps;
    for (const auto& request : server.Asked()) {
      if (request.method == "PATCH") {
        steps.push_back(request.method + " " + request.Header("content-range"));
      } else if (request.method == "PUT") {
        steps.push_back(request.method + " " + request.Header("content-length"));
      } else if (request.method == "POST") {
        steps.push_back(request.method);
      }
    }
    return steps;
  }

  [[nodiscard]] bool Has(const std::string& content) const {
    const auto found = served.blobs.find(Sha256Of(AsBytes(content)).ToString());
    return found != served.blobs.end() && found->second == content;
  }

  ros::testing::NoProxy no_proxy;
  Fault fault;
  ServedRepository served{"team/os"};
  FaultServer server;
  CurlTransport transport;
  Session session{transport,
                  {.host = server.host(),
                   .credentials = {},
                   .plain_http = true,
                   .wait = [](std::chrono::milliseconds) {}}};
  Repository repository{session, "team/os"};
};

using Steps = std::vector<std::string>;

const std::string kContent = "0123456789";

}  // namespace

TEST_CASE("UploadBlob: a blob in one piece, and nothing where it is there", "[registry]") {
  Frame frame;
  CHECK(frame.Write(kContent, {}) == Steps{"POST", "PUT 10"});
  CHECK(frame.Has(kContent));
  CHECK(frame.Write(kContent, {}).size() == 2);
  Frame empty;
  CHECK(empty.Write("", {}) == Steps{"POST", "PUT 0"});
  CHECK(empty.Has(""));
}

TEST_CASE("UploadBlob: a larger blob in chunks, no smaller than the registry wants", "[registry]") {
  Frame frame;
  CHECK(frame.Write(kContent, {.mount_from = {}, .piece = 4}) ==
        Steps{"POST", "PATCH 0-3", "PATCH 4-7", "PATCH 8-9", "PUT 0"});
  CHECK(frame.Has(kContent));
  Frame exact;
  CHECK(exact.Write(kContent, {.mount_from = {}, .piece = 5}) ==
        Steps{"POST", "PATCH 0-4", "PATCH 5-9", "PUT 0"});
  Frame wants;
  wants.served.least_chunk = 7;
  CHECK(wants.Write(kContent, {.mount_from = {}, .piece = 4}) ==
        Steps{"POST", "PATCH 0-6", "PATCH 7-9", "PUT 0"});
  CHECK(wants.Has(kContent));
  Frame whole;
  whole.served.least_chunk = 100;
  CHECK(whole.Write(kContent, {.mount_from = {}, .piece = 4}) == Steps{"POST", "PUT 10"});
}

TEST_CASE("UploadBlob: a server that takes no more at a time gets less", "[registry]") {
  const std::string content(std::size_t{3} << 20U, 'x');
  Frame frame(std::size_t{1} << 20U);
  CHECK(frame.Write(content, {}) == Steps{"POST",
                                          "PUT 3145728",
                                          "POST",
                                          "PATCH 0-786431",
                                          "PATCH 786432-1572863",
                                          "PATCH 1572864-2359295",
                                          "PATCH 2359296-3145727",
                                          "PUT 0"});
  CHECK(frame.Has(content));
  // But not any less.
  Frame stubborn(1000);
  CHECK_THROWS_WITH(stubborn.Write(content, {}),
                    Contains("uploading blob sha256:") && Contains("status 413"));
  CHECK(stubborn.server.Asked().size() == 5);
}

TEST_CASE("UploadBlob: mounts what another repository has", "[registry]") {
  const auto digest = Sha256Of(AsBytes(kContent)).ToString();
  Frame frame;
  frame.served.elsewhere.insert("team/base " + digest);
  CHECK(frame.Write(kContent, {.mount_from = "team/base"}) == Steps{"POST"});
  // A registry that cannot has begun an upload.
  Frame other;
  CHECK(other.Write(kContent, {.mount_from = "team/base"}) == Steps{"POST", "PUT 10"});
  CHECK(other.Has(kContent));
  CHECK(other.server.Asked()[1].Query("mount") == digest);
  CHECK(other.server.Asked()[1].Query("from") == "team/base");
  // One that does not let us read there is not asked for it again.
  Frame denies(1000, [](const auto& request, auto& reply) {
    if (!request.Query("mount").empty()) {
      reply = {.status = 403, .headers = {}, .body = {}};
    }
  });
  CHECK(denies.Write(kContent, {.mount_from = "team/base"}) == Steps{"POST", "POST", "PUT 10"});
  CHECK(denies.Has(kContent));
}

TEST_CASE("UploadBlob: an upload that fails is an error, at each of its requests", "[registry]") {
  struct Case {
    std::string method;
    ServedReply reply;
    std::string says;
  };

  const Case cases[] = {
      {"POST", {.status = 403, .headers = {}, .body = {}}, "no credentials for it"},
      {"POST", {.status = 202, .headers = {}, .body = {}}, "does not say where to"},
      {"POST", {.headers = {}, .body = {}, .cut = 10}, "uploading blob"},
      {"POST", {.status = 202, .headers = {{"location", "http://[/"}}, .body = {}}, "is no URL"},
      {"PATCH", {.status = 416, .headers = {}, .body = {}}, "status 416"},
      {"PATCH", {.status = 202, .headers = {}, .body = {}}, "does not say where to"},
      {"PATCH", {.status = 202, .headers = {{"location", "/v2/x"}}, .body = {}}, "NAME_UNKNOWN"},
      {"PATCH", {.headers = {}, .body = {}, .cut = 0}, "uploading blob"},
      {"PUT", {.status = 400, .headers = {}, .body = {}}, "status 400"},
      {"PUT", {.status = 200, .headers = {}, .body = {}}, "status 200"},
      {"PUT", {.headers = {}, .body = {}, .cut = 20}, "uploading blob"}};
  for (const auto& one : cases) {
    CAPTURE(one.method, one.says, one.reply.status);
    Frame frame(1000, [&one](const auto& request, auto& reply) {
      if (request.method == one.method) {
        reply = one.reply;
      }
    });
    try {
      frame.Write(kContent, {.mount_from = {}, .piece = 4});
      FAIL_CHECK("taken");
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ros::ErrorKind::kNetwork);
      CHECK_THAT(error.message(),
                 Contains(one.says) && Contains("to team/os") && Contains(frame.server.host()));
    }
  }
  // A registry that loses a byte says so.
  Frame loses(1000, [](const auto& request, auto& reply) {
    if (request.method == "PUT" && reply.status == 201) {
      reply = {.status = 400,
               .headers = {},
               .body = R"({"errors": [{"code": "DIGEST_INVALID", "message": "no"}]})"};
    }
  });
  CHECK_THROWS_WITH(loses.Write(kContent, {}), Contains("DIGEST_INVALID: no"));
}
