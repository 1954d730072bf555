#pragma once

#include <sys/types.h>

#include <filesystem>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace ros::qemu {

// Debian's docker-registry on a free port of the loopback, without encryption; gone with this
// object.
class RegistryServer {
 public:
  // Its log is LogDirectory()/`name`.log.
  explicit RegistryServer(const std::string& name);
  RegistryServer(const RegistryServer&) = delete;
  RegistryServer& operator=(const RegistryServer&) = delete;
  RegistryServer(RegistryServer&&) = delete;
  RegistryServer& operator=(RegistryServer&&) = delete;
  ~RegistryServer();

  [[nodiscard]] int port() const { return port_; }

  // Pushes a test image (names as in os/images.conf), with its signatures, as `reference`: "os:2".
  void Push(std::string_view image, std::string_view reference) const;

 private:
  // Keeps what the server says, and finds its port there.
  void Listen(const std::filesystem::path& log);
  void End();

  TempDirectory directory_;
  UniqueFd said_;
  pid_t pid_ = -1;
  std::promise<int> found_;
  std::thread listener_;
  int port_ = 0;
};

}  // namespace ros::qemu
