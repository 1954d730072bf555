#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "init/boot.hpp"
#include "init/console.hpp"
#include "init/switch_root.hpp"

namespace {

// Longer than any step that does not tick, shorter than a person's patience.
constexpr std::chrono::seconds kGuardPatience = std::chrono::minutes(10);

// A crash of process 1 would be a panic, with ten seconds of waiting and no word about who it was.
extern "C" void OnCrash(int /*signal*/) {
  constexpr std::string_view kLine = "\r\nros-init: crashed; rebooting\r\n";
  const ssize_t written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  static_cast<void>(written);
  ::reboot(RB_AUTOBOOT);
  ::_exit(1);
}

void CatchCrashes() {
  struct sigaction action {};

  action.sa_handler = OnCrash;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(signal, &action, nullptr);
  }
}

int Run(char** argv) {
  ros::init::BootRecord record;
  std::optional<ros::init::Guard> guard;
  std::string why;
  try {
    guard.emplace(kGuardPatience);
    ros::init::BootUp(record, *guard, ros::init::LinkedSlotVerifier());
    ros::init::ExecInit(ros::init::InitCandidates(record.arguments->init), argv);
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (!guard) {
    ros::init::Complain(why);
    ::reboot(RB_AUTOBOOT);
  }
  ros::init::GiveUp(record, *guard, why);
}

}  // namespace

int main(int /*argc*/, char** argv) {
  if (::getpid() != 1) {
    static_cast<void>(
        std::fputs("ros-init: is started by the kernel, as process 1 of an initrd\n", stderr));
    return 2;
  }
  CatchCrashes();
  return Run(argv);
}
