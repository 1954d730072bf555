#include "config/machine.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "base/process.hpp"

namespace ros::config {
namespace {

namespace fs = std::filesystem;

// A disk may be found a little later than we start.
constexpr std::chrono::seconds kDeviceWait(10);
constexpr std::chrono::milliseconds kDevicePoll(100);

// The kernel writes a space of a path as \040 there (proc(5)).
std::string Escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    text += c == ' ' ? "\\040" : c == '\t' ? "\\011" : std::string(1, c);
  }
  return text;
}

// Whether a line of a table in /proc has `value` as its field `field`, counted from 0.
bool TableHas(const char* table, std::size_t field, const std::string& value) {
  std::ifstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    for (std::size_t at = 0; at <= field && words >> word; ++at) {
      if (at == field && word == value) {
        return true;
      }
    }
  }
  return false;
}

// Options that speak to fstab's readers and not to the kernel; not every mount(8) knows them.
bool IsForTheKernel(const std::string& option) {
  constexpr std::array<std::string_view, 7> kOthers = {
      "defaults", "nofail", "nobootwait", "auto", "noauto", "_netdev", "nouser"};
  return std::find(kOthers.begin(), kOthers.end(), option) == kOthers.end() &&
         !option.starts_with("x-") && !option.starts_with("comment=");
}

std::string KernelOptions(const MountEntry& entry) {
  std::string text;
  for (const auto& option : entry.options) {
    if (IsForTheKernel(option)) {
      text += (text.empty() ? "" : ",") + option;
    }
  }
  return text;
}

bool Has(const MountEntry& entry, std::string_view option) {
  return std::find(entry.options.begin(), entry.options.end(), option) != entry.options.end();
}

void WaitForDevice(const std::string& device) {
  const auto until = std::chrono::steady_clock::now() + kDeviceWait;
  while (device.starts_with("/dev/") && !fs::exists(device)) {
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ErrorKind::kFailed, device + " did not appear");
    }
    std::this_thread::sleep_for(kDevicePoll);
  }
}

void SwapOn(const MountEntry& entry) {
  if (!TableHas("/proc/swaps", 0, Escaped(entry.device))) {
    WaitForDevice(entry.device);
    RunTool({.argv = {"swapon", entry.device}});
  }
}

}  // namespace

void RunningMachine::SetHostname(const std::string& name) {
  if (::sethostname(name.data(), name.size()) != 0) {
    ThrowErrno("setting the host name");
  }
}

void RunningMachine::Mount(const MountEntry& entry) {
  if (Has(entry, "noauto")) {
    return;
  }
  if (entry.type == "swap") {
    SwapOn(entry);
    return;
  }
  if (TableHas("/proc/self/mounts", 1, Escaped(entry.mount_point))) {
    return;
  }
  WaitForDevice(entry.device);
  fs::create_directories(entry.mount_point);
  std::vector<std::string> argv = {"mount", "-t", entry.type};
  if (const auto options = KernelOptions(entry); !options.empty()) {
    argv.insert(argv.end(), {"-o", options});
  }
  argv.insert(argv.end(), {entry.device, entry.mount_point});
  RunTool({.argv = argv});
}

int RunningMachine::RunScript(const fs::path& script, std::chrono::seconds limit) {
  return RunProcess({.argv = {"/bin/sh", script.string()}, .timeout = limit}).exit_code;
}

}  // namespace ros::config
