#include "installer/terminal_line.hpp"

#include <poll.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/interrupt.hpp"

namespace ros::installer {

void WaitForLine(int terminal) {
  const auto interrupts = OpenInterrupts();
  std::array<pollfd, 2> watched = {{{.fd = terminal, .events = POLLIN, .revents = 0},
                                    {.fd = interrupts.get(), .events = POLLIN, .revents = 0}}};
  while (::poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) {
      ThrowErrno("asking on the terminal");
    }
  }
  ThrowIfInterrupted();
}

}  // namespace ros::installer
