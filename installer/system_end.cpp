#include "installer/system_end.hpp"

#include <poll.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <sstream>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace ros::installer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Bytes kMountsLimit = Bytes{16} << 20U;
constexpr milliseconds kPatience = std::chrono::seconds(10);
constexpr pid_t kInit = 1;

// A process by a descriptor: its number cannot become somebody else's, and its end is an event.
class Process {
 public:
  explicit Process(pid_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

  [[nodiscard]] int fd() const { return fd_.get(); }

  void Signal(int signal) const { ::syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0); }

 private:
  UniqueFd fd_;
};

std::vector<Process> Open(const std::vector<pid_t>& pids) {
  std::vector<Process> processes;
  for (const auto pid : pids) {
    Process process(pid);
    if (process.fd() >= 0) {  // else it has ended
      processes.push_back(std::move(process));
    }
  }
  return processes;
}

void DropEnded(std::vector<Process>& processes, int wait) {
  std::vector<pollfd> fds;
  fds.reserve(processes.size());
  for (const auto& process : processes) {
    fds.push_back({process.fd(), POLLIN, 0});
  }
  if (::poll(fds.data(), fds.size(), wait) <= 0) {
    return;
  }
  std::vector<Process> left;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    if (fds[i].revents == 0) {
      left.push_back(std::move(processes[i]));
    }
  }
  processes = std::move(left);
}

void SignalAndWait(std::vector<Process>& processes, int signal, milliseconds patience) {
  for (const auto& process : processes) {
    process.Signal(signal);
    process.Signal(SIGCONT);
  }
  const auto end = steady_clock::now() + patience;
  while (!processes.empty() && steady_clock::now() < end) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    DropEnded(processes, static_cast<int>(left.count()) + 1);
  }
}

// A kernel thread has no program, and neither has a process that is only not waited for yet.
bool HasProgram(const std::filesystem::path& process) {
  std::error_code code;
  static_cast<void>(std::filesystem::read_symlink(process / "exe", code));
  return !code;
}

// The octal escapes of fstab(5).
std::string Unescape(std::string_view text) {
  constexpr std::size_t kDigits = 3;
  constexpr int kOctal = 8;
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto digits = text.substr(std::min(at + 1, text.size()), kDigits);
    int code = 0;
    const auto* end = digits.data() + digits.size();
    if (text[at] == '\\' && digits.size() == kDigits &&
        std::from_chars(digits.data(), end, code, kOctal).ptr == end) {
      result += static_cast<char>(code);
      at += kDigits;
    } else {
      result += text[at];
    }
  }
  return result;
}

bool IsWritable(const std::string& options) {
  return options == "rw" || options.starts_with("rw,");
}

}  // namespace

std::vector<pid_t> ListProcesses(const std::filesystem::path& proc) {
  std::vector<pid_t> processes;
  for (const auto& name : ListDirectory(proc)) {
    pid_t pid = 0;
    const auto* end = name.data() + name.size();
    const bool number = std::from_chars(name.data(), end, pid).ptr == end;
    if (number && pid != kInit && pid != ::getpid() && HasProgram(proc / name)) {
      processes.push_back(pid);
    }
  }
  return processes;
}

void EndProcesses(const std::vector<pid_t>& processes, milliseconds patience) {
  auto left = Open(processes);
  SignalAndWait(left, SIGTERM, patience);
  SignalAndWait(left, SIGKILL, patience);
}

std::vector<std::string> WritableMounts(std::string_view mounts) {
  std::vector<std::string> found;
  std::istringstream lines{std::string(mounts)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string source;
    std::string target;
    std::string type;
    std::string options;
    words >> source >> target >> type >> options;
    const bool on_device = source.starts_with("/dev/") || type == "overlay";
    if (on_device && IsWritable(options)) {
      found.push_back(Unescape(target));
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

void EndSystem() {
  // The terminal that we were called from ends with the rest.
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
    std::signal(signal, SIG_IGN);  // NOLINT(cert-err33-c): these can be ignored.
  }
  ::kill(kInit, SIGTSTP);
  EndProcesses(ListProcesses(), kPatience);
  // What a process 1 that does not know that signal has started again since.
  EndProcesses(ListProcesses(), milliseconds(0));
  ::sync();
  for (const auto& target : WritableMounts(ReadFile("/proc/mounts", kMountsLimit))) {
    ::mount(nullptr, target.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
  }
  ::sync();
}

}  // namespace ros::installer
