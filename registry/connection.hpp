#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "registry/curl_transport.hpp"
#include "registry/mirrors.hpp"
#include "registry/range_support.hpp"
#include "registry/reference.hpp"
#include "registry/repository.hpp"
#include "registry/session.hpp"

namespace ros::registry {

// How a registry is reached.
struct ConnectionOptions {
  std::filesystem::path ca_file;  // instead of the system's certificates
  bool plain_http = false;
  std::shared_ptr<Mirrors> mirrors;  // to read from; none where it is null
  // Of all connections that share it; each session has its own where it is null.
  std::shared_ptr<RangeSupport> ranges;
  // As in TransportOptions and SessionOptions; tests bring their own.
  std::chrono::seconds longest_stall = TransportOptions().longest_stall;
  std::function<void(std::chrono::milliseconds)> wait;
};

// A repository by its reference, with its mirrors, and the credentials that this machine has for
// each of them: they have sessions of their own, so none sees what another is told. For one thread.
class Connection {
 public:
  // `cancelled` as in SessionOptions. Reaches nothing yet. Throws as FindCredentials and
  // Mirrors::Of do.
  Connection(const ConnectionOptions& options,
             const Reference& reference,
             const std::function<bool()>& cancelled = {});

  Repository& repository() { return repository_; }

 private:
  // The registry itself, and the mirrors, whose sessions are begun.
  Sources FindSources(const ConnectionOptions& options,
                      const Reference& reference,
                      const std::function<bool()>& cancelled);

  CurlTransport transport_;
  Session session_;
  std::deque<Session> mirrors_;
  Repository repository_;
};

}  // namespace ros::registry
