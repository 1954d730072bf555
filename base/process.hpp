#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace ros {

// A child process: an argument vector (never a shell line) and, unless it is asked for otherwise, a
// clean environment.
struct Command {
  // argv[0] is looked up in PATH, then in /usr/sbin and /sbin.
  std::vector<std::string> argv;
  // NAME=VALUE, added to PATH, HOME, TMPDIR, LANG=C.UTF-8, TZ=UTC and what fakeroot needs.
  std::vector<std::string> environment;
  // Whether it gets all of our own environment in place of these few variables: for a program that
  // the user has chosen.
  bool inherits = false;
  std::string input;
  std::string working_directory;
  std::chrono::milliseconds timeout = std::chrono::minutes(30);
  // Output beyond this many bytes (each of stdout and stderr) is read and dropped.
  std::size_t output_limit = 1U << 20U;
  // Whether an interrupt ends it. What is not to be undone runs to its end.
  bool is_interruptible = true;
};

struct ProcessResult {
  int exit_code = 0;  // 128 + the signal's number for a child that was killed
  std::string out;
  std::string err;
};

// Runs the command to its end. Throws kFailed when it cannot be started ("mkfs.erofs is not
// installed; ..." for a missing tool) or when the timeout passes or, where the command allows it,
// an interrupt waits (base/interrupt.hpp); the child is killed then.
ProcessResult RunProcess(const Command& command);

// As above, but a non-zero exit throws kFailed: "TOOL failed (exit N): last lines of its stderr".
// Returns stdout.
std::string RunTool(const Command& command);

}  // namespace ros
