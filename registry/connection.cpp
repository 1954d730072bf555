#include "registry/connection.hpp"

#include <utility>

#include "registry/credentials.hpp"

namespace ros::registry {

Connection::Connection(const ConnectionOptions& options,
                       const Reference& reference,
                       std::function<bool()> cancelled)
    : transport_({.ca_file = options.ca_file}),
      session_(
          transport_,
          {.host = reference.host,
           .credentials = FindCredentials(reference.host, reference.repository, CredentialFiles()),
           .plain_http = options.plain_http,
           .wait = {},
           .cancelled = std::move(cancelled)}),
      repository_(session_, reference.repository) {}

}  // namespace ros::registry
