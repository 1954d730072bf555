#include "images/fakeroot.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "base/interrupt.hpp"

extern char** environ;

namespace ros::images {
namespace {

// A group of its own: the terminal's Ctrl-C would end the script and leave its daemon.
pid_t StartFakeroot(std::vector<std::string> words) {
  words.insert(words.begin(), {"fakeroot", "--"});
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  posix_spawnattr_t attributes{};
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int code = ::posix_spawnp(&pid, argv[0], nullptr, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (code == ENOENT) {
    throw Error(ErrorKind::kFailed,
                "fakeroot is not installed; image build needs it, for root too, so that owners, "
                "device nodes and attributes come out the same for everybody");
  }
  if (code != 0) {
    ThrowErrno("starting fakeroot", code);
  }
  return pid;
}

// To what the script is running at this moment: the program, or a step on the way to it. A kernel
// that does not list children leaves only the whole group.
void SignalChildrenOf(pid_t parent, int signal) {
  const auto name = std::to_string(parent);
  std::ifstream children("/proc/" + name + "/task/" + name + "/children");
  if (!children) {
    ::kill(-parent, signal);
  }
  pid_t child = 0;
  while (children >> child) {
    ::kill(child, signal);
  }
}

}  // namespace

bool NeedsFakeroot() {
  // fakeroot(1): set for all that runs in a session.
  return std::getenv("FAKEROOTKEY") == nullptr;
}

int RunInFakeroot(const std::vector<std::string>& argv) {
  const InterruptGuard guard;
  auto signals = InterruptSignals();
  ::sigaddset(&signals, SIGCHLD);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  static_cast<void>(::signal(SIGCHLD, SIG_DFL));
  // The session is not the terminal's foreground; its progress is shown all the same.
  const auto terminal = ::signal(SIGTTOU, SIG_IGN);
  const pid_t session = StartFakeroot(argv);
  int status = 0;
  int handed_on = 0;
  while (::waitpid(session, &status, WNOHANG) == 0) {
    // Again and again: the program may not have been started yet.
    const timespec again{0, 100'000'000};
    const int signal = handed_on == 0 ? ::sigwaitinfo(&signals, nullptr)
                                      : ::sigtimedwait(&signals, nullptr, &again);
    if (signal > 0 && signal != SIGCHLD) {
      handed_on = signal;
    }
    if (handed_on != 0) {
      SignalChildrenOf(session, handed_on);
    }
  }
  static_cast<void>(::signal(SIGTTOU, terminal));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace ros::images
