#pragma once

#include <sys/types.h>

#include <chrono>

#include "base/unique_fd.hpp"

namespace ros::init {

// Reboots the machine when a step blocks for ever (a mount that hangs cannot be interrupted, so a
// child process watches). Ends with the object, or with the parent's exec.
class Guard {
 public:
  // Throws kFailed when it cannot fork.
  explicit Guard(std::chrono::seconds patience);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  Guard(Guard&&) = delete;
  Guard& operator=(Guard&&) = delete;
  ~Guard();

  // Work goes on: the patience starts anew. Cheap enough for every file that is copied.
  void Tick();

 private:
  UniqueFd pipe_;
  pid_t pid_ = -1;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace ros::init
