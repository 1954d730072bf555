#include "registry/connection.hpp"

#include <utility>

#include "registry/credentials.hpp"

namespace ros::registry {
namespace {

// A host and what is asked of it.
struct Place {
  std::string host;
  std::string repository;
  bool plain_http = false;
};

SessionOptions OptionsFor(const Place& place,
                          const ConnectionOptions& options,
                          std::function<bool()> cancelled) {
  return {.host = place.host,
          .credentials = FindCredentials(place.host, place.repository, CredentialFiles()),
          .plain_http = place.plain_http,
          .wait = options.wait,
          .cancelled = std::move(cancelled),
          .ranges = options.ranges};
}

}  // namespace

Connection::Connection(const ConnectionOptions& options,
                       const Reference& reference,
                       const std::function<bool()>& cancelled)
    : transport_({.ca_file = options.ca_file, .longest_stall = options.longest_stall}),
      session_(transport_,
               OptionsFor({.host = reference.host,
                           .repository = reference.repository,
                           .plain_http = options.plain_http},
                          options,
                          cancelled)),
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
    auto session = OptionsFor({.host = mirror.host,
                               .repository = RepositoryBelow(mirror, reference.repository),
                               .plain_http = mirror.plain_http},
                              options,
                              cancelled);
    session.has_others = true;
    sources.AddMirror(
        mirrors_.emplace_back(transport_, std::move(session)), mirror, options.mirrors);
  }
  return sources;
}

}  // namespace ros::registry
