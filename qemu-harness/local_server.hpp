#pragma once

#include <sys/types.h>

#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace ros::qemu {

// How a server is started.
struct ServerCommand {
  std::vector<std::string> argv;
  std::filesystem::path directory;  // that it works in
  std::string says_port;            // a regular expression: its first group is the port
};

// A server on a free port of the loopback, which it says; gone with this object. It has nothing of
// our environment, of which it might take settings.
class LocalServer {
 public:
  // What it says is kept in LogDirectory()/`name`.log. Throws kFailed when it does not start.
  LocalServer(const std::string& name, const ServerCommand& command);
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;
  LocalServer(LocalServer&&) = delete;
  LocalServer& operator=(LocalServer&&) = delete;
  ~LocalServer();

  [[nodiscard]] int port() const { return port_; }

 private:
  // Keeps what the server says, and finds its port there.
  void Listen(const std::filesystem::path& log, const std::string& says_port);
  void End();

  UniqueFd said_;
  pid_t pid_ = -1;
  std::promise<int> found_;
  std::thread listener_;
  int port_ = 0;
};

}  // namespace ros::qemu
