#include "init/console.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "base/unique_fd.hpp"

namespace ros::init {
namespace {

// Levels of syslog(2), as in the "<N>" of /dev/kmsg.
constexpr int kCritical = 2;
constexpr int kNotice = 5;
constexpr std::size_t kLineLimit = 900;  // a record of the kernel's log has 1024 bytes

void Write(const char* path, std::string_view line) {
  const UniqueFd fd(::open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC));
  if (fd.valid()) {
    static_cast<void>(::write(fd.get(), line.data(), line.size()));
  }
}

// The kernel shows records below this level on its consoles (/proc/sys/kernel/printk).
int ConsoleLevel() {
  const UniqueFd fd(::open("/proc/sys/kernel/printk", O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  if (!fd.valid() || ::read(fd.get(), text.data(), text.size() - 1) <= 0) {
    return 0;
  }
  return static_cast<int>(std::strtol(text.data(), nullptr, 10));
}

void Tell(int level, std::string_view text) {
  std::string line = "ros-init: " + std::string(text.substr(0, kLineLimit)) + "\n";
  Write("/dev/kmsg", "<" + std::to_string(level) + ">" + line);
  if (level >= ConsoleLevel()) {
    Write("/dev/console", "\r" + line);
  }
}

}  // namespace

void Say(std::string_view text) {
  Tell(kNotice, text);
}

void Complain(std::string_view text) {
  Tell(kCritical, text);
}

}  // namespace ros::init
