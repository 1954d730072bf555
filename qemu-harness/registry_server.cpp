#include "qemu-harness/registry_server.hpp"

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
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {
namespace {

constexpr std::chrono::seconds kStart(60);

std::filesystem::path WriteConfiguration(const std::filesystem::path& directory) {
  const std::string text =
      "version: 0.1\n"
      "log: {level: info}\n"
      "storage: {filesystem: {rootdirectory: " +
      (directory / "data").string() +
      "}}\n"
      "http: {addr: \"127.0.0.1:0\"}\n";
  std::filesystem::path file = directory / "registry.yml";
  WriteFileAtomically(file, AsBytes(text));
  return file;
}

// Starts it without our environment, of which it would take settings. `said` is the end of a pipe
// that gets what it says.
pid_t Launch(const std::filesystem::path& configuration, UniqueFd& said) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    ThrowErrno("making a pipe");
  }
  said = UniqueFd(ends[0]);
  const UniqueFd output(ends[1]);
  const std::string file = configuration.string();
  std::array<const char*, 4> argv = {"docker-registry", "serve", file.c_str(), nullptr};
  std::array<const char*, 2> environment = {"PATH=/usr/bin:/bin", nullptr};
  const pid_t pid = fork();
  if (pid < 0) {
    ThrowErrno("starting docker-registry");
  }
  if (pid > 0) {
    return pid;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output.get(), STDOUT_FILENO);
  dup2(output.get(), STDERR_FILENO);
  execvpe(
      argv[0], const_cast<char* const*>(argv.data()), const_cast<char* const*>(environment.data()));
  _exit(127);
}

}  // namespace

RegistryServer::RegistryServer(const std::string& name)
    : directory_(RunDirectory(), "registry"),
      pid_(Launch(WriteConfiguration(directory_.path()), said_)),
      listener_([this, log = LogDirectory() / (name + ".log")] { Listen(log); }) {
  auto port = found_.get_future();
  port_ = port.wait_for(kStart) == std::future_status::ready ? port.get() : 0;
  if (port_ == 0) {
    End();
    throw Error(ErrorKind::kFailed, "docker-registry did not start; see " + name + ".log");
  }
}

RegistryServer::~RegistryServer() {
  End();
}

void RegistryServer::End() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  listener_.join();
}

void RegistryServer::Listen(const std::filesystem::path& log) {
  std::filesystem::create_directories(log.parent_path());
  std::ofstream kept(log);
  const std::regex pattern(R"(listening on 127\.0\.0\.1:([0-9]+))");
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

void RegistryServer::Push(std::string_view image, std::string_view reference) const {
  const std::string target = "127.0.0.1:" + std::to_string(port_) + "/" + std::string(reference);
  MustRos({"image", "push", "--plain-http", ImagePath(image).string(), target});
}

}  // namespace ros::qemu
