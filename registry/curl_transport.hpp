#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "registry/http.hpp"

namespace ros::registry {

struct TransportOptions {
  // Certificates of authorities, PEM, instead of the system's.
  std::filesystem::path ca_file;
  // A connection that brings less than 1 KiB a second for so long counts as failed.
  std::chrono::seconds longest_stall{60};
};

// HTTP/1.1 and 2 by libcurl. Certificates are always verified; proxies are those of the environment
// (https_proxy, no_proxy). Keeps connections open for the next request. For one thread.
class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(TransportOptions options = {});
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;
  CurlTransport(CurlTransport&&) = delete;
  CurlTransport& operator=(CurlTransport&&) = delete;

  HttpResponse Send(const HttpRequest& request) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ros::registry
