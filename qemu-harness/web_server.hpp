#pragma once

#include <string>
#include <string_view>

#include "base/file.hpp"
#include "qemu-harness/local_server.hpp"

namespace ros::qemu {

// A web server of static files that answers one range at a time, without encryption
// (tests/installer/support/web_server.pl).
class WebServer {
 public:
  // As LocalServer: it logs each request.
  explicit WebServer(const std::string& name);

  [[nodiscard]] int port() const { return server_.port(); }

  // Has a test image (names as in os/images.conf) at /`path`.
  void Put(std::string_view image, std::string_view path) const;

 private:
  TempDirectory directory_;
  LocalServer server_;
};

}  // namespace ros::qemu
