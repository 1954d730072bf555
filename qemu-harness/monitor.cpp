#include "qemu-harness/monitor.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace ros::qemu {

Monitor::Monitor(UniqueFd fd) : fd_(std::move(fd)) {
  if (fcntl(fd_.get(), F_SETFL, O_NONBLOCK) != 0) {
    ThrowErrno("making the monitor non-blocking");
  }
}

void Monitor::Receive() {
  std::array<char, 4096> buffer{};
  while (open_) {
    const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      break;
    }
    if (got <= 0) {
      open_ = false;
      break;
    }
    pending_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  for (std::size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
    Handle(Json::Parse(pending_.substr(0, end), "QMP"));
    pending_.erase(0, end + 1);
  }
}

void Monitor::Handle(const Json& message) {
  if (message.Find("QMP", "QMP") != nullptr) {
    Send("qmp_capabilities");
  }
  if (const Json* event = message.Find("event", "QMP"); event != nullptr) {
    events_.push_back(event->AsString("event"));
  }
}

void Monitor::Send(std::string_view command) {
  Json message = Json::MakeObject();
  message.Set("execute", command);
  const std::string line = message.Dump() + "\n";
  // A command is far smaller than the socket's buffer, so it goes out in one piece.
  if (send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    ThrowErrno("sending a command to QEMU");
  }
}

int Monitor::Count(std::string_view event) const {
  return static_cast<int>(std::count(events_.begin(), events_.end(), event));
}

}  // namespace ros::qemu
