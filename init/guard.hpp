#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/unique_fd.hpp"
#include "health/watchdog.hpp"

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

  // Work goes on: the patience starts anew, and the watchdog's count. Cheap enough for every file
  // that is copied.
  void Tick();

  // From now on feeds it too, for as long as it can be fed. It counts on when this object ends.
  void Feed(std::unique_ptr<health::Watchdog> watchdog) { watchdog_ = std::move(watchdog); }

 private:
  void FeedWatchdog();

  UniqueFd pipe_;
  pid_t pid_ = -1;
  std::chrono::steady_clock::time_point last_{};
  std::unique_ptr<health::Watchdog> watchdog_;
};

}  // namespace ros::init
