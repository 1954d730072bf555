#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "config/cloud_config.hpp"

namespace ros::config {

// What applying a configuration does to the running machine beyond writing files: an interface
// because tests must not do it.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  Machine(Machine&&) = delete;
  Machine& operator=(Machine&&) = delete;
  virtual ~Machine() = default;

  // sethostname(2), at once.
  virtual void SetHostname(const std::string& name) = 0;
  // Mounts, or starts to swap on it; nothing where that is done already. Makes the mount point.
  // Throws kFailed with what the tool said.
  virtual void Mount(const MountEntry& entry) = 0;
  // Runs `/bin/sh SCRIPT` to its end and returns the exit code. Throws kFailed on the time limit.
  virtual int RunScript(const std::filesystem::path& script, std::chrono::seconds limit) = 0;
};

// The machine we run on.
class RunningMachine final : public Machine {
 public:
  void SetHostname(const std::string& name) override;
  void Mount(const MountEntry& entry) override;
  int RunScript(const std::filesystem::path& script, std::chrono::seconds limit) override;
};

}  // namespace ros::config
