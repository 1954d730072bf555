#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/unique_fd.hpp"

namespace ros::qemu {

// QEMU's machine protocol (QMP): commands out, events in.
class Monitor {
 public:
  // `fd` is our end of a connected stream socket. Says nothing yet: QEMU greets first.
  explicit Monitor(UniqueFd fd);

  [[nodiscard]] int fd() const { return fd_.get(); }

  [[nodiscard]] bool open() const { return open_; }

  // Takes in what has arrived and answers the greeting. Never blocks.
  void Receive();

  // Sends a command without arguments, e.g. "system_reset". Its answer is not waited for.
  void Send(std::string_view command);

  // How often an event of this name (RESET, WATCHDOG, SHUTDOWN, ...) has come.
  [[nodiscard]] int Count(std::string_view event) const;

 private:
  void Handle(const Json& message);

  UniqueFd fd_;
  std::string pending_;
  std::vector<std::string> events_;
  bool open_ = true;
};

}  // namespace ros::qemu
