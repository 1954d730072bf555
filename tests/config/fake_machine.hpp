#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/process.hpp"
#include "config/machine.hpp"

// A machine that remembers its host name and mounts, and runs scripts for real.
class FakeMachine final : public ros::config::Machine {
 public:
  void SetHostname(const std::string& name) override { hostname = name; }

  void Mount(const ros::config::MountEntry& entry) override {
    if (entry.device == broken_device) {
      throw ros::Error(ros::ErrorKind::kFailed, entry.device + " did not appear");
    }
    mounted.push_back(entry.mount_point);
  }

  int RunScript(const std::filesystem::path& script, std::chrono::seconds limit) override {
    if (before_script) {
      before_script();
    }
    return ros::RunProcess({.argv = {"/bin/sh", script.string()}, .timeout = limit}).exit_code;
  }

  std::string hostname;
  std::vector<std::string> mounted;
  std::string broken_device;
  std::function<void()> before_script;
};
