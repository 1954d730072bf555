#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"

namespace ros::qemu {

// A guest's serial port, seen from outside. What arrives goes to a log file and is kept; reading
// walks forward from a cursor, so that a line of an earlier boot is never taken for a new one.
class Console {
 public:
  // `fd` is our end of a connected stream socket; made non-blocking here.
  Console(UniqueFd fd, const std::filesystem::path& log);

  [[nodiscard]] int fd() const { return fd_.get(); }

  // False once the other end is closed (QEMU has gone).
  [[nodiscard]] bool open() const { return open_; }

  // Takes in what has arrived. Never blocks.
  void Receive();

  // Sends all of `text`; blocks until the guest's port has taken it.
  void Send(std::string_view text);

  // The first line at or after the cursor in which `pattern` (ECMAScript) matches: returns the
  // groups of the match, [0] the whole of it, and moves the cursor behind it. Nothing: no match
  // yet.
  std::optional<std::vector<std::string>> Take(const std::string& pattern);

  // Everything between the cursor and the end of what has arrived; does not move the cursor.
  [[nodiscard]] std::string_view Unread() const { return std::string_view(text_).substr(cursor_); }

  // All since the start, carriage returns left out.
  [[nodiscard]] const std::string& text() const { return text_; }

  // Moves the cursor to the end.
  void Skip() { cursor_ = text_.size(); }

  // The last `lines` lines, for a message about what went wrong.
  [[nodiscard]] std::string Tail(std::size_t lines) const;

 private:
  UniqueFd fd_;
  std::ofstream log_;
  std::string text_;
  std::size_t cursor_ = 0;
  bool open_ = true;
};

}  // namespace ros::qemu
