#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "registry/curl_transport.hpp"
#include "registry/reference.hpp"
#include "registry/repository.hpp"
#include "registry/session.hpp"

namespace ros::registry {

// How a registry is reached.
struct ConnectionOptions {
  std::filesystem::path ca_file;  // instead of the system's certificates
  bool plain_http = false;
};

// A repository by its reference, with the credentials that this machine has for it. For one thread.
class Connection {
 public:
  // `cancelled` as in SessionOptions. Reaches nothing yet. Throws as FindCredentials does.
  Connection(const ConnectionOptions& options,
             const Reference& reference,
             std::function<bool()> cancelled = {});

  Repository& repository() { return repository_; }

 private:
  CurlTransport transport_;
  Session session_;
  Repository repository_;
};

}  // namespace ros::registry
