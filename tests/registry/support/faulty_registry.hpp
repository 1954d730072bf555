#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "registry/curl_transport.hpp"
#include "registry/repository.hpp"
#include "tests/registry/support/faulty_server.hpp"
#include "tests/registry/support/no_proxy.hpp"

namespace ros::testing {

// Such a server, and the real client of it.
struct FaultyRegistry : FaultyServer {
  explicit FaultyRegistry(Fault its_fault = {},
                          std::optional<registry::Credentials> its_credentials = {})
      : FaultyServer("team/os", std::move(its_fault)), credentials(std::move(its_credentials)) {
    served.AddManifest("1.0", raw);
  }

  // The blob comes whole and exact, or the error is returned.
  std::optional<Error> ReadBlob(const std::string& content) {
    served.AddBlob(content);
    return Read(content);
  }

  // As above, whatever the server has.
  std::optional<Error> Read(const std::string& content) {
    std::string got;
    try {
      repository.ReadBlob(keys::Sha256Of(AsBytes(content)), content.size(), [&](ByteSpan piece) {
        got += AsText(piece);
      });
    } catch (const Error& error) {
      CHECK_THAT(error.message(), Catch::Contains(server.host()));
      CHECK_THAT(error.message(), Catch::Contains("team/os"));
      return error;
    }
    CHECK(got == content);
    return std::nullopt;
  }

  // So does the manifest.
  std::optional<Error> ReadManifest() {
    try {
      const auto manifest = repository.FindManifest("1.0");
      REQUIRE(manifest);
      CHECK(manifest->raw == raw);
    } catch (const Error& error) {
      CHECK_THAT(error.message(), Catch::Contains(server.host()));
      CHECK_THAT(error.message(), Catch::Contains("team/os"));
      return error;
    }
    return std::nullopt;
  }

  NoProxy no_proxy;
  std::string raw =
      R"({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})";
  std::optional<registry::Credentials> credentials;
  std::vector<std::chrono::milliseconds> waits;
  registry::CurlTransport transport;
  registry::Session session{
      transport,
      {.host = server.host(),
       .credentials = credentials,
       .plain_http = true,
       .wait = [this](std::chrono::milliseconds time) { waits.push_back(time); }}};
  registry::Repository repository{session, "team/os"};
};

inline constexpr std::size_t kSize = std::size_t{3} << 20U;

inline void CheckError(const std::optional<Error>& error, ErrorKind kind, const std::string& says) {
  REQUIRE(error);
  CHECK(error->kind() == kind);
  CHECK_THAT(error->message(), Catch::Contains(says));
}

inline const std::string kWhole;

// What the error says, if there is one.
inline std::string Said(const std::optional<Error>& error) {
  return error ? error->message() : kWhole;
}

// The fault for the first so many requests.
inline Fault Times(int times, Fault fault) {
  return [times, fault = std::move(fault)](const auto& request, auto& reply) mutable {
    if (times > 0) {
      --times;
      fault(request, reply);
    }
  };
}

inline bool IsBlob(const ServedRequest& request) {
  return request.path.find("/blobs/sha256:") != std::string::npos;
}

inline void Fails(const ServedRequest& /*unused*/, ServedReply& reply) {
  reply = {.status = 503, .headers = {}, .body = "<html>later</html>"};
}

}  // namespace ros::testing
