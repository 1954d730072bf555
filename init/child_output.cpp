#include "init/child_output.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::init {
namespace {

constexpr std::size_t kSaidLimit = 4096;

// The same text as long as the process does not move.
std::string CountsOf(pid_t pid) {
  try {
    return ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

bool Listen(const Child& child, std::string& said, const std::function<void()>& tick) {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + child.limit;
  std::array<char, 1024> buffer{};
  std::string counts;
  while (steady_clock::now() < end) {
    if (auto now = CountsOf(child.pid); now != counts) {
      counts = std::move(now);
      tick();
    }
    pollfd poll_fd{child.output, POLLIN, 0};
    if (::poll(&poll_fd, 1, 1000) <= 0) {
      continue;
    }
    const ssize_t got = ::read(child.output, buffer.data(), buffer.size());
    if (got <= 0) {
      return true;
    }
    if (said.size() < kSaidLimit) {
      said.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  return false;
}

}  // namespace ros::init
