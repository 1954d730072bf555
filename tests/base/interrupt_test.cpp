#include "base/interrupt.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/process.hpp"

namespace ros {
namespace {

// Takes the signal away again, so that the test's process lives on.
void TakeAway() {
  const auto signals = InterruptSignals();
  static_cast<void>(::sigwaitinfo(&signals, nullptr));
}

// Interrupts that act as they do in a program that was started from a shell.
class DefaultActions {
 public:
  DefaultActions() : before_(::signal(SIGHUP, SIG_DFL)) { ::signal(SIGTERM, SIG_DFL); }

  DefaultActions(const DefaultActions&) = delete;
  DefaultActions& operator=(const DefaultActions&) = delete;
  DefaultActions(DefaultActions&&) = delete;
  DefaultActions& operator=(DefaultActions&&) = delete;

  ~DefaultActions() { ::signal(SIGHUP, before_); }

 private:
  sighandler_t before_;
};

TEST_CASE("InterruptGuard: a signal becomes an error, as often as it is asked for", "[base]") {
  const DefaultActions actions;
  const InterruptGuard guard;
  CHECK(HoldsInterrupts());
  CHECK_NOTHROW(ThrowIfInterrupted());
  ::kill(::getpid(), SIGTERM);
  CHECK(WaitingInterrupt() == SIGTERM);
  CHECK_THROWS_WITH(ThrowIfInterrupted(), "interrupted by SIGTERM");
  CHECK_THROWS_WITH(ThrowIfInterrupted(), "interrupted by SIGTERM");
  TakeAway();
  CHECK_FALSE(WaitingInterrupt());
}

TEST_CASE("InterruptGuard: gives the signals back, but not while one waits", "[base]") {
  const DefaultActions actions;
  { const InterruptGuard guard; }
  CHECK_FALSE(HoldsInterrupts());
  {
    const InterruptGuard guard;
    ::kill(::getpid(), SIGTERM);
  }
  CHECK(WaitingInterrupt() == SIGTERM);
  TakeAway();
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

TEST_CASE("InterruptGuard: a signal that is ignored interrupts nothing", "[base]") {
  const DefaultActions actions;
  ::signal(SIGHUP, SIG_IGN);
  const InterruptGuard guard;
  ::kill(::getpid(), SIGHUP);
  CHECK_FALSE(WaitingInterrupt());
}

TEST_CASE("RunProcess: an interrupt ends the child and what it has started", "[base]") {
  const DefaultActions actions;
  const InterruptGuard guard;
  // The inner shell has the outer's output open: were it left, its sleep would show here as a wait.
  const auto command = "kill -TERM " + std::to_string(::getpid()) + "; sh -c 'sleep 1000; :'";
  CHECK_THROWS_WITH(RunTool({.argv = {"sh", "-c", command}}), "interrupted by SIGTERM");
  TakeAway();
}

TEST_CASE("RunProcess: what is not to be undone runs to its end", "[base]") {
  const DefaultActions actions;
  const InterruptGuard guard;
  const auto command = "kill -TERM " + std::to_string(::getpid()) + "; echo done";
  CHECK(RunTool({.argv = {"sh", "-c", command}, .is_interruptible = false}) == "done\n");
  CHECK(RunTool({.argv = {"echo", "again"}, .is_interruptible = false}) == "again\n");
  TakeAway();
}

}  // namespace
}  // namespace ros
