#pragma once

#include <string>
#include <string_view>

#include "base/file.hpp"
#include "qemu-harness/local_server.hpp"

namespace ros::qemu {

// Debian's docker-registry, without encryption.
class RegistryServer {
 public:
  // As LocalServer.
  explicit RegistryServer(const std::string& name);

  [[nodiscard]] int port() const { return server_.port(); }

  // Pushes a test image (names as in os/images.conf), with its signatures, as `reference`: "os:2".
  void Push(std::string_view image, std::string_view reference) const;

 private:
  TempDirectory directory_;
  LocalServer server_;
};

}  // namespace ros::qemu
