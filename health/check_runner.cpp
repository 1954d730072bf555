#include "health/check_runner.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "health/gate.hpp"

namespace ros::health {
namespace {

constexpr std::size_t kTailLimit = 4096;
constexpr std::size_t kReasonLimit = 400;

std::string LastLine(std::string_view text) {
  const auto end = text.find_last_not_of(" \n\r\t");
  if (end == std::string_view::npos) {
    return {};
  }
  text = text.substr(0, end + 1);
  const auto start = text.rfind('\n');
  std::string line(start == std::string_view::npos ? text : text.substr(start + 1));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }, '?');
  return line.substr(0, kReasonLimit);
}

// posix_spawn's two objects, initialised and destroyed together.
class SpawnSetup {
 public:
  explicit SpawnSetup(int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &defaults);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }

  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  SpawnSetup(SpawnSetup&&) = delete;
  SpawnSetup& operator=(SpawnSetup&&) = delete;

  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  // The new process, or -1 and why in `code`.
  pid_t Spawn(std::string path, int& code) {
    std::array<char*, 2> argv = {path.data(), nullptr};
    std::string search = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::string language = "LANG=C.UTF-8";
    std::array<char*, 3> environment = {search.data(), language.data(), nullptr};
    pid_t pid = -1;
    code =
        ::posix_spawn(&pid, path.c_str(), &actions_, &attributes_, argv.data(), environment.data());
    return code == 0 ? pid : -1;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

CheckRunner::CheckRunner(Check check, Time timeout, Time retry_after)
    : check_(std::move(check)), timeout_(timeout), retry_after_(retry_after) {}

CheckRunner::~CheckRunner() {
  Kill();
  int status = 0;
  Reap(status);
}

std::optional<CheckRunner::Time> CheckRunner::NextTime() const {
  return done_ ? std::nullopt : std::optional(due_);
}

void CheckRunner::AddPolls(std::vector<pollfd>& polls) const {
  if (process_.valid()) {
    polls.push_back({process_.get(), POLLIN, 0});
  }
  if (output_.valid()) {
    polls.push_back({output_.get(), POLLIN, 0});
  }
}

std::optional<CheckOutcome> CheckRunner::Step(Time now) {
  if (done_) {
    return std::nullopt;
  }
  if (killed_) {
    int status = 0;
    if (!Reap(status)) {
      due_ = now + retry_after_;
      return std::nullopt;
    }
  }
  if (!process_.valid()) {
    if (now < due_) {
      return std::nullopt;
    }
    Start(now);
    return process_.valid() ? std::nullopt : std::optional(Abort(now));
  }
  Drain();
  if (Ended()) {
    return Finish(now);
  }
  if (now >= due_) {
    trouble_ = "did not end within " + std::to_string(timeout_.count() / 1000) + " s";
    return Abort(now);
  }
  return std::nullopt;
}

void CheckRunner::Start(Time now) {
  tail_.clear();
  trouble_.clear();
  due_ = now + timeout_;
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    trouble_ = std::string("cannot be started: ") + ::strerrordesc_np(errno);
    return;
  }
  output_ = UniqueFd(pipe[0]);
  const UniqueFd write_end(pipe[1]);
  ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
  int code = 0;
  pid_ = SpawnSetup(write_end.get()).Spawn(check_.path.string(), code);
  if (pid_ < 0) {
    trouble_ = std::string("cannot be started: ") + ::strerrordesc_np(code);
    return;
  }
  // The wrapper of glibc 2.36 has no C linkage. The file descriptor is close-on-exec by itself.
  process_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!process_.valid()) {
    trouble_ = std::string("cannot be watched: ") + ::strerrordesc_np(errno);
  }
}

void CheckRunner::Drain() {
  std::array<char, 4096> buffer{};
  // A limit on the rounds, since a check may write without end.
  for (int round = 0; round < 16 && output_.valid(); ++round) {
    const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
    if (got == 0) {
      output_ = UniqueFd();
    }
    if (got <= 0) {
      return;
    }
    tail_.append(buffer.data(), static_cast<std::size_t>(got));
    if (tail_.size() > kTailLimit) {
      tail_.erase(0, tail_.size() - kTailLimit);
    }
  }
}

bool CheckRunner::Ended() const {
  pollfd ended{process_.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 1;
}

// A process that waits for a disk dies when the disk answers: nobody waits for that here.
void CheckRunner::Kill() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    killed_ = true;
  }
  output_ = UniqueFd();
}

// False when the process is still there.
bool CheckRunner::Reap(int& status) {
  if (pid_ > 0) {
    pid_t ended = -1;
    do {
      ended = ::waitpid(pid_, &status, WNOHANG);
    } while (ended < 0 && errno == EINTR);
    if (ended == 0) {
      return false;
    }
  }
  pid_ = -1;
  killed_ = false;
  process_ = UniqueFd();
  output_ = UniqueFd();
  return true;
}

CheckOutcome CheckRunner::Finish(Time now) {
  Drain();
  ::kill(-pid_, SIGKILL);  // what it left behind, while the group's number is still its own
  int status = 0;
  Reap(status);
  auto outcome = Judge(status);
  done_ = outcome.final;
  due_ = now + retry_after_;
  return outcome;
}

CheckOutcome CheckRunner::Abort(Time now) {
  Kill();
  int status = 0;
  Reap(status);
  due_ = now + retry_after_;
  return {.reason = trouble_};
}

CheckOutcome CheckRunner::Judge(int status) {
  const auto line = LastLine(tail_);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return {true, ReportStatus::kOk, line};
  }
  const auto how = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                     : "killed by signal " + std::to_string(WTERMSIG(status));
  const bool final = WIFEXITED(status) && WEXITSTATUS(status) == kFinalFailure;
  return {final, ReportStatus::kFail, line.empty() ? how : line + " (" + how + ")"};
}

}  // namespace ros::health
