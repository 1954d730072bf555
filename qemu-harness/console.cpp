#include "qemu-harness/console.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <regex>

#include "base/error.hpp"

namespace ros::qemu {

Console::Console(UniqueFd fd, const std::filesystem::path& log)
    : fd_(std::move(fd)), log_(log, std::ios::binary) {
  if (fcntl(fd_.get(), F_SETFL, O_NONBLOCK) != 0) {
    ThrowErrno("making a serial port non-blocking");
  }
  if (!log_) {
    throw Error(ErrorKind::kFailed, "cannot write " + log.string());
  }
}

void Console::Receive() {
  std::array<char, 4096> buffer{};
  while (open_) {
    const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (got <= 0) {
      open_ = false;
      return;
    }
    log_.write(buffer.data(), got);
    log_.flush();
    std::copy_if(buffer.data(), buffer.data() + got, std::back_inserter(text_), [](char c) {
      return c != '\r' && c != '\0';
    });
  }
}

void Console::Send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) {
      ThrowErrno("typing into a serial port");
    }
    pollfd wait{fd_.get(), POLLOUT, 0};
    poll(&wait, 1, -1);
  }
}

std::optional<std::vector<std::string>> Console::Take(const std::string& pattern) {
  const std::regex regex(pattern);
  // Line by line: std::regex recurses over what it looks at, and a boot's log is long.
  for (std::size_t start = cursor_; start < text_.size();) {
    const std::size_t end = std::min(text_.find('\n', start), text_.size());
    const auto first = text_.cbegin() + static_cast<std::ptrdiff_t>(start);
    const auto last = text_.cbegin() + static_cast<std::ptrdiff_t>(end);
    std::smatch match;
    if (std::regex_search(first, last, match, regex)) {
      cursor_ = start + static_cast<std::size_t>(match.position() + match.length());
      return std::vector<std::string>(match.begin(), match.end());
    }
    start = end + 1;
  }
  return std::nullopt;
}

std::string Console::Tail(std::size_t lines) const {
  std::size_t start = text_.size();
  for (std::size_t found = 0; start > 0 && found <= lines; --start) {
    found += text_[start - 1] == '\n' ? 1U : 0U;
    if (found > lines) {
      break;
    }
  }
  return text_.substr(start);
}

}  // namespace ros::qemu
