#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "registry/connection.hpp"
#include "registry/mirrors.hpp"
#include "tests/registry/support/faulty_server.hpp"
#include "tests/registry/support/no_proxy.hpp"

namespace ros::testing {

inline const std::string kRaw = R"({"schemaVersion": 2})";
// More than is kept in memory until it has been compared.
inline constexpr std::size_t kLarge = std::size_t{6} << 20U;

// A registry with two mirrors, which have nothing yet, and the real client of them all.
struct MirroredRegistry {
  MirroredRegistry() {
    ::setenv("REGISTRY_AUTH_FILE", (directory.path() / "auth.json").c_str(), 1);
    Use({first.Url(), second.Url()});
  }

  MirroredRegistry(const MirroredRegistry&) = delete;
  MirroredRegistry& operator=(const MirroredRegistry&) = delete;
  MirroredRegistry(MirroredRegistry&&) = delete;
  MirroredRegistry& operator=(MirroredRegistry&&) = delete;

  ~MirroredRegistry() { ::unsetenv("REGISTRY_AUTH_FILE"); }

  // From now on these are the mirrors, in a connection of its own.
  void Use(const std::vector<std::string>& urls) {
    registry::MirrorTable table;
    for (const auto& url : urls) {
      table[origin.server.host()].push_back(registry::ParseEndpoint(url));
    }
    mirrors = std::make_shared<registry::Mirrors>([table] { return table; });
    Connect();
  }

  void Connect() {
    connection.emplace(
        registry::ConnectionOptions{.ca_file = {}, .plain_http = true, .mirrors = mirrors},
        registry::ParseReference(origin.server.host() + "/team/os:1.0"));
  }

  registry::Repository& repository() { return connection->repository(); }

  // What of the blob was handed on; the error is put behind it.
  std::string Read(const std::string& content) {
    std::string got;
    try {
      repository().ReadBlob(keys::Sha256Of(AsBytes(content)), content.size(), [&](ByteSpan piece) {
        got += AsText(piece);
      });
    } catch (const Error& error) {
      got += error.message();
    }
    return got;
  }

  NoProxy no_proxy;
  TempDirectory directory;
  FaultyServer origin;
  FaultyServer first;
  FaultyServer second;
  std::shared_ptr<registry::Mirrors> mirrors;
  std::optional<registry::Connection> connection;
};

// "METHOD PATH" of what a server was asked after `/team/os/`.
inline std::vector<std::string> Asked(const FaultyServer& server) {
  std::vector<std::string> asked;
  for (const auto& request : server.server.Asked()) {
    const auto& path = request.path;
    asked.push_back(request.method + " " + path.substr(path.find("/team/os/") + 9));
  }
  return asked;
}

inline void Refuses(const ServedRequest& /*request*/, ServedReply& reply) {
  reply = {.status = 403, .headers = {}, .body = {}};
}

inline void CloseAtOnce(const ServedRequest& /*request*/, ServedReply& reply) {
  reply.cut = 0;
}

}  // namespace ros::testing
