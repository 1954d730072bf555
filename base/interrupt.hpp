#pragma once

#include <csignal>
#include <optional>
#include <string_view>

#include "base/unique_fd.hpp"

namespace ros {

// SIGINT, SIGTERM and SIGHUP as an error instead of a sudden end, so that temporary files, new
// output files and child processes go away as after any other error. While a guard lives these
// signals wait in the kernel: ThrowIfInterrupted() tells of them at places where work may stop, and
// RunProcess() stops waiting for its child. Nothing takes a waiting signal away, so whoever catches
// the error and goes on is stopped at the next such place. A signal that this process was started
// to ignore (nohup) stays ignored. Make it before threads are started.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  InterruptGuard(InterruptGuard&&) = delete;
  InterruptGuard& operator=(InterruptGuard&&) = delete;
  // The signals act as before; but while one waits they are still held, for the rest of the way
  // out.
  ~InterruptGuard();

 private:
  sigset_t before_{};
};

// The signals that interrupt this process: the three, but for those that it ignores.
sigset_t InterruptSignals();

// The number of a signal that a guard holds back, if one waits.
std::optional<int> WaitingInterrupt();

// Throws kFailed, "interrupted by SIGTERM", when one waits.
void ThrowIfInterrupted();

// Whether a guard lives.
bool HoldsInterrupts();

// Readable, for poll(2), while an interrupt waits. Never to be read from.
UniqueFd OpenInterrupts();

}  // namespace ros
