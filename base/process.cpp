#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/unique_fd.hpp"

extern char** environ;

namespace ros {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string SearchPath() {
  const char* path = std::getenv("PATH");
  return path == nullptr ? std::string(kDefaultPath) : std::string(path) + ":/usr/sbin:/sbin";
}

std::string FindTool(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return name;
  }
  const auto path = SearchPath();
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    auto candidate = path.substr(at, end - at) + "/" + name;
    if (end > at && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    at = end + 1;
  }
  throw Error(ErrorKind::kFailed, name + " is not installed; install the package that brings it");
}

// Ours, but for the PATH that tools are looked up in.
std::vector<std::string> OwnEnvironment() {
  constexpr std::string_view kPath = "PATH=";
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    result.emplace_back(text.starts_with(kPath) ? std::string(kPath) + SearchPath() : text);
  }
  return result;
}

std::vector<std::string> CleanEnvironment() {
  std::vector<std::string> result = {"PATH=" + SearchPath(), "LANG=C.UTF-8", "TZ=UTC"};
  for (const char* name : {"HOME",
                           "TMPDIR",
                           "LD_PRELOAD",
                           "LD_LIBRARY_PATH",
                           "FAKEROOTKEY",
                           "FAKED_MODE",
                           "FAKEROOT_FD_BASE"}) {
    if (const char* value = std::getenv(name); value != nullptr) {
      result.push_back(std::string(name) + "=" + value);
    }
  }
  return result;
}

std::vector<std::string> EnvironmentOf(const Command& command) {
  auto result = command.inherits ? OwnEnvironment() : CleanEnvironment();
  result.insert(result.end(), command.environment.begin(), command.environment.end());
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (auto& string : strings) {
    pointers.push_back(string.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe MakePipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    ThrowErrno("making a pipe");
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }

  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  SpawnActions(SpawnActions&&) = delete;
  SpawnActions& operator=(SpawnActions&&) = delete;

  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  void Duplicate(int from, int to) { ::posix_spawn_file_actions_adddup2(&actions_, from, to); }

  void ChangeDirectory(const std::string& path) {
    ::posix_spawn_file_actions_addchdir_np(&actions_, path.c_str());
  }

  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// A child that is killed and reaped when it is left without having been waited for.
class Child {
 public:
  Child(pid_t pid, bool leads_group) : pid_(pid), leads_group_(leads_group) {}

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Child(Child&&) = delete;
  Child& operator=(Child&&) = delete;

  ~Child() {
    if (pid_ > 0) {
      ::kill(leads_group_ ? -pid_ : pid_, SIGKILL);
      static_cast<void>(Wait());
    }
  }

  int Wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
  bool leads_group_;
};

// The three streams of a child while it runs.
class Conversation {
 public:
  Conversation(UniqueFd in, UniqueFd out, UniqueFd err, const Command& command)
      : in_(std::move(in)),
        out_(std::move(out)),
        err_(std::move(err)),
        interrupts_(command.is_interruptible ? OpenInterrupts() : UniqueFd()),
        command_(command) {
    if (command.input.empty()) {
      in_ = UniqueFd();
    } else {
      ::fcntl(in_.get(), F_SETFL, O_NONBLOCK);
    }
  }

  // Moves data until the child has closed its output. False when the deadline passed. Throws when
  // an interrupt waits that the command allows.
  bool Run(Deadline deadline, ProcessResult& result) {
    while (out_.valid() || err_.valid()) {
      std::array<pollfd, 4> fds = {pollfd{in_.get(), POLLOUT, 0},
                                   pollfd{out_.get(), POLLIN, 0},
                                   pollfd{err_.get(), POLLIN, 0},
                                   pollfd{interrupts_.get(), POLLIN, 0}};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) {
        return false;
      }
      const int ready = ::poll(
          fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
      if (ready < 0 && errno != EINTR) {
        ThrowErrno("waiting for " + command_.argv[0]);
      }
      if (command_.is_interruptible) {
        ThrowIfInterrupted();
      }
      if (ready > 0) {
        Feed(fds[0].revents);
        Drain(out_, fds[1].revents, result.out);
        Drain(err_, fds[2].revents, result.err);
      }
    }
    return true;
  }

 private:
  void Feed(short events) {
    if (events == 0) {
      return;
    }
    const auto left = std::string_view(command_.input).substr(fed_);
    const ssize_t put = ::write(in_.get(), left.data(), left.size());
    if (put > 0) {
      fed_ += static_cast<std::size_t>(put);
    }
    // A child that closes its input early (EPIPE) says why by its exit code.
    const bool again = put < 0 && (errno == EAGAIN || errno == EINTR);
    if (fed_ == command_.input.size() || (put < 0 && !again)) {
      in_ = UniqueFd();
    }
  }

  void Drain(UniqueFd& fd, short events, std::string& into) const {
    if (events == 0) {
      return;
    }
    std::array<char, 16384> buffer{};
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got == 0 || (got < 0 && errno != EINTR)) {
      fd = UniqueFd();
    } else if (got > 0) {
      const auto room = command_.output_limit - std::min(command_.output_limit, into.size());
      into.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
    }
  }

  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  UniqueFd interrupts_;
  const Command& command_;
  std::size_t fed_ = 0;
};

enum class ProcessGroup { kOurs, kItsOwn };

pid_t Spawn(const Command& command, const SpawnActions& actions, ProcessGroup group) {
  auto argv = command.argv;
  auto environment = EnvironmentOf(command);
  const auto program = FindTool(argv.at(0));
  posix_spawnattr_t attributes{};
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  // Those that this program ignores.
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::sigaddset(&defaults, SIGXFSZ);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  flags |= group == ProcessGroup::kItsOwn ? POSIX_SPAWN_SETPGROUP : 0;
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  pid_t pid = -1;
  const int code = ::posix_spawn(&pid,
                                 program.c_str(),
                                 actions.get(),
                                 &attributes,
                                 Pointers(argv).data(),
                                 Pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    ThrowErrno("starting " + argv[0], code);
  }
  return pid;
}

// What a terminal would still show: without the escape sequences by which a tool draws its progress
// and without the lines that it wrote over.
std::string WithoutControls(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\x1b' && text.substr(at + 1, 1) == "[") {
      at = std::min(text.find_first_not_of("0123456789;?", at + 2), text.size());
    } else if (c == '\r' && text.substr(at + 1, 1) != "\n") {
      plain.resize(plain.rfind('\n') + 1);
    } else if (c == '\n' || static_cast<unsigned char>(c) >= ' ') {
      plain += c;
    }
  }
  return plain;
}

// The end of a tool's complaint, on one line.
std::string LastLines(std::string_view complaint) {
  auto text = WithoutControls(complaint);
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  constexpr std::size_t kMost = 400;
  if (text.size() > kMost) {
    text = "..." + text.substr(text.size() - kMost);
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

ProcessResult RunProcess(const Command& command) {
  // A child that dies before it has read its input must not take us with it.
  static const auto kIgnored = ::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(kIgnored);
  auto in = MakePipe();
  auto out = MakePipe();
  auto err = MakePipe();
  SpawnActions actions;
  actions.Duplicate(in.read.get(), STDIN_FILENO);
  actions.Duplicate(out.write.get(), STDOUT_FILENO);
  actions.Duplicate(err.write.get(), STDERR_FILENO);
  if (!command.working_directory.empty()) {
    actions.ChangeDirectory(command.working_directory);
  }
  const auto deadline = std::chrono::steady_clock::now() + command.timeout;
  // Where interrupts are held, a child is ours to end, with all that it has started; the terminal's
  // Ctrl-C must not reach it before us.
  const bool holds = HoldsInterrupts();
  Child child(Spawn(command, actions, holds ? ProcessGroup::kItsOwn : ProcessGroup::kOurs), holds);
  in.read = UniqueFd();
  out.write = UniqueFd();
  err.write = UniqueFd();
  ProcessResult result;
  Conversation conversation(std::move(in.write), std::move(out.read), std::move(err.read), command);
  if (!conversation.Run(deadline, result)) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(command.timeout).count();
    throw Error(
        ErrorKind::kFailed,
        command.argv[0] + " did not finish within " + std::to_string(seconds) + " s and was ended");
  }
  result.exit_code = child.Wait();
  return result;
}

std::string RunTool(const Command& command) {
  auto result = RunProcess(command);
  if (result.exit_code != 0) {
    const auto complaint = LastLines(result.err.empty() ? result.out : result.err);
    throw Error(ErrorKind::kFailed,
                command.argv[0] + " failed (exit " + std::to_string(result.exit_code) + ")" +
                    (complaint.empty() ? "" : ": " + complaint));
  }
  return std::move(result.out);
}

}  // namespace ros
