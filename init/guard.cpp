#include "init/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/error.hpp"
#include "init/console.hpp"

namespace ros::init {
namespace {

// The child: waits for ticks until the pipe is closed.
[[noreturn]] void Watch(int pipe, std::chrono::seconds patience) {
  std::array<char, 256> buffer{};
  for (;;) {
    pollfd poll_fd{pipe, POLLIN, 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(limit));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready == 0) {
      Complain("nothing has moved for " + std::to_string(patience.count()) + " s; rebooting");
      ::reboot(RB_AUTOBOOT);
      ::_exit(1);
    }
    if (::read(pipe, buffer.data(), buffer.size()) <= 0) {
      ::_exit(0);
    }
  }
}

}  // namespace

Guard::Guard(std::chrono::seconds patience) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    ThrowErrno("making a pipe");
  }
  const UniqueFd read_end(fds[0]);
  pipe_ = UniqueFd(fds[1]);
  pid_ = ::fork();
  if (pid_ < 0) {
    ThrowErrno("starting the guard");
  }
  if (pid_ == 0) {
    ::close(pipe_.release());
    Watch(read_end.get(), patience);
  }
}

Guard::~Guard() {
  pipe_ = UniqueFd();
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Guard::Tick() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::seconds(1)) {
    return;
  }
  last_ = now;
  static_cast<void>(::write(pipe_.get(), ".", 1));  // a full pipe says as much
  FeedWatchdog();
}

void Guard::FeedWatchdog() {
  try {
    if (watchdog_) {
      watchdog_->Feed();
    }
  } catch (const Error& error) {
    Complain(error.message() + ", ignoring");
    watchdog_.reset();  // It counts on: the gate may come in time.
  }
}

}  // namespace ros::init
