#include "init/device_events.hpp"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace ros::init {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kReceiveBuffer = 8 << 20;

}  // namespace

std::optional<DeviceEvent> ParseDeviceEvent(std::string_view message) {
  const auto head = message.substr(0, message.find('\0'));
  const auto at = head.find('@');
  if (at == std::string_view::npos || at == 0) {
    return std::nullopt;
  }
  DeviceEvent event{.action = std::string(head.substr(0, at)),
                    .path = std::string(head.substr(at + 1))};
  message.remove_prefix(std::min(head.size() + 1, message.size()));
  while (!message.empty()) {
    const auto pair = message.substr(0, message.find('\0'));
    message.remove_prefix(std::min(pair.size() + 1, message.size()));
    if (pair.starts_with("SUBSYSTEM=")) {
      event.subsystem = pair.substr(10);
    } else if (pair.starts_with("MODALIAS=")) {
      event.modalias = pair.substr(9);
    }
  }
  return event;
}

bool ChangesDisks(const DeviceEvent& event) {
  return event.subsystem == "block" && !event.path.starts_with("/devices/virtual/");
}

DeviceEvents::DeviceEvents()
    : fd_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;  // the kernel's own messages
  if (!fd_.valid() ||
      ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ThrowErrno("listening for devices");
  }
  static_cast<void>(
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer));
}

DeviceEvents::Result DeviceEvents::Next(milliseconds timeout) {
  const auto end = Clock::now() + timeout;
  std::array<char, 8192> buffer{};
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == ENOBUFS) {
      return {Waited::kLost, {}};
    }
    if (got > 0) {
      auto event = ParseDeviceEvent({buffer.data(), static_cast<std::size_t>(got)});
      if (event) {
        return {Waited::kEvent, std::move(*event)};
      }
      continue;
    }
    const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
    if (left.count() <= 0) {
      return {};
    }
    pollfd poll_fd{fd_.get(), POLLIN, 0};
    static_cast<void>(::poll(&poll_fd, 1, static_cast<int>(left.count())));
  }
}

}  // namespace ros::init
