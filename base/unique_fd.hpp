#pragma once

#include <unistd.h>

#include <string_view>
#include <utility>

namespace ros {

// Owns a file descriptor. Whoever opens one passes O_CLOEXEC (or MFD_CLOEXEC ...).
class UniqueFd {
 public:
  UniqueFd() = default;

  explicit UniqueFd(int fd) : fd_(fd) {}

  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  ~UniqueFd() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  [[nodiscard]] int get() const { return fd_; }

  [[nodiscard]] bool valid() const { return fd_ >= 0; }

  int release() { return std::exchange(fd_, -1); }

  // Closes and throws what close() reports (late write errors); `name` is for the message.
  void Close(std::string_view name);

 private:
  int fd_ = -1;
};

}  // namespace ros
