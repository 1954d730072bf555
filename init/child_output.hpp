#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>

namespace ros::init {

struct Child {
  pid_t pid = -1;
  int output = -1;  // the end of a pipe that gets what it says
  std::chrono::seconds limit{};
};

// Takes what a child says, of which 4 KiB are kept, until it closes its output; false when even the
// limit has passed. `tick` is called while the child moves, as the kernel counts it (proc(5),
// /proc/PID/stat): one that hangs in a driver does not.
bool Listen(const Child& child, std::string& said, const std::function<void()>& tick);

}  // namespace ros::init
