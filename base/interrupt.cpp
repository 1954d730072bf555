#include "base/interrupt.hpp"

#include <sys/signalfd.h>

#include <array>
#include <string>

#include "base/error.hpp"

namespace ros {
namespace {

struct NamedSignal {
  int number;
  std::string_view name;
};

constexpr std::array<NamedSignal, 3> kSignals = {
    {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}}};

bool IsIgnored(int signal) {
  struct sigaction action {};

  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  const auto signals = InterruptSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
}

InterruptGuard::~InterruptGuard() {
  if (!WaitingInterrupt()) {
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
}

sigset_t InterruptSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const auto& signal : kSignals) {
    // A blocked signal waits even where it is ignored.
    if (!IsIgnored(signal.number)) {
      ::sigaddset(&signals, signal.number);
    }
  }
  return signals;
}

std::optional<int> WaitingInterrupt() {
  sigset_t waiting;
  ::sigemptyset(&waiting);
  ::sigpending(&waiting);
  for (const auto& signal : kSignals) {
    if (::sigismember(&waiting, signal.number) == 1 && !IsIgnored(signal.number)) {
      return signal.number;
    }
  }
  return std::nullopt;
}

void ThrowIfInterrupted() {
  const auto waiting = WaitingInterrupt();
  for (const auto& signal : kSignals) {
    if (waiting == signal.number) {
      throw Error(ErrorKind::kFailed, "interrupted by " + std::string(signal.name));
    }
  }
}

bool HoldsInterrupts() {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  return ::sigismember(&blocked, SIGTERM) == 1;
}

UniqueFd OpenInterrupts() {
  const auto signals = InterruptSignals();
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) {
    ThrowErrno("watching for signals");
  }
  return fd;
}

}  // namespace ros
