#include "qemu-harness/local_server.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <regex>

#include "base/error.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {
namespace {

constexpr std::chrono::seconds kStart(60);

// `said` is the end of a pipe that gets what the server says.
pid_t Launch(const ServerCommand& command, UniqueFd& said) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    ThrowErrno("making a pipe");
  }
  said = UniqueFd(ends[0]);
  const UniqueFd output(ends[1]);
  std::vector<char*> argv;
  for (const std::string& argument : command.argv) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  std::array<const char*, 2> environment = {"PATH=/usr/bin:/bin", nullptr};
  const pid_t pid = fork();
  if (pid < 0) {
    ThrowErrno("starting " + command.argv.front());
  }
  if (pid > 0) {
    setpgid(pid, pid);
    return pid;
  }
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output.get(), STDOUT_FILENO);
  dup2(output.get(), STDERR_FILENO);
  if (chdir(command.directory.c_str()) == 0) {
    execvpe(argv[0], argv.data(), const_cast<char* const*>(environment.data()));
  }
  _exit(127);
}

}  // namespace

LocalServer::LocalServer(const std::string& name, const ServerCommand& command)
    : pid_(Launch(command, said_)),
      listener_([this, log = LogDirectory() / (name + ".log"), says_port = command.says_port] {
        Listen(log, says_port);
      }) {
  auto port = found_.get_future();
  port_ = port.wait_for(kStart) == std::future_status::ready ? port.get() : 0;
  if (port_ == 0) {
    End();
    throw Error(ErrorKind::kFailed, command.argv.front() + " did not start; see " + name + ".log");
  }
}

LocalServer::~LocalServer() {
  End();
}

void LocalServer::End() {
  kill(-pid_, SIGKILL);  // and those of its own that it has made
  waitpid(pid_, nullptr, 0);
  listener_.join();
}

void LocalServer::Listen(const std::filesystem::path& log, const std::string& says_port) {
  std::filesystem::create_directories(log.parent_path());
  std::ofstream kept(log);
  const std::regex pattern(says_port);
  std::string text;
  std::array<char, 4096> piece{};
  bool found = false;
  for (ssize_t length = 1; length > 0;) {
    length = read(said_.get(), piece.data(), piece.size());
    kept.write(piece.data(), std::max<ssize_t>(length, 0)).flush();
    text.append(piece.data(), found || length < 0 ? 0 : static_cast<std::size_t>(length));
    std::smatch match;
    if (!found && std::regex_search(text, match, pattern)) {
      found = true;
      found_.set_value(std::stoi(match[1]));
    }
  }
  if (!found) {
    found_.set_value(0);
  }
}

}  // namespace ros::qemu
