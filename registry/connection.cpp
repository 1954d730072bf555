#include "registry/connection.hpp"

#include <utility>

#include "registry/credentials.hpp"

namespace ros::registry {
namespace {

SessionOptions OptionsFor(const std::string& host,
                          const std::string& repository,
                          bool plain_http,
                          std::function<bool()> cancelled) {
  return {.host = host,
          .credentials = FindCredentials(host, repository, CredentialFiles()),
          .plain_http = plain_http,
          .wait = {},
          .cancelled = std::move(cancelled)};
}

}  // namespace

Connection::Connection(const ConnectionOptions& options,
                       const Reference& reference,
                       const std::function<bool()>& cancelled)
    : transport_({.ca_file = options.ca_file}),
      session_(transport_,
               OptionsFor(reference.host, reference.repository, options.plain_http, cancelled)),
      repository_(session_, reference.repository, FindSources(options, reference, cancelled)) {}

Sources Connection::FindSources(const ConnectionOptions& options,
                                const Reference& reference,
                                const std::function<bool()>& cancelled) {
  Sources sources(session_, reference.repository);
  if (!options.mirrors) {
    return sources;
  }
  const Endpoint registry{.host = reference.host, .plain_http = options.plain_http, .root = "/v2"};
  for (const auto& mirror : options.mirrors->Of(reference.host)) {
    if (mirror == registry) {
      continue;
    }
    auto session = OptionsFor(
        mirror.host, RepositoryBelow(mirror, reference.repository), mirror.plain_http, cancelled);
    session.has_others = true;
    sources.AddMirror(
        mirrors_.emplace_back(transport_, std::move(session)), mirror, options.mirrors);
  }
  return sources;
}

}  // namespace ros::registry
