#pragma once

#include <cerrno>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace ros {

// What the caller may treat differently. Each kind is one exit code of the `ros` command
// (docs/user-guide.md, "Exit codes").
enum class ErrorKind {
  kFailed = 1,        // I/O, a tool, a bug
  kUsage = 2,         // the command line or a file the user wrote
  kRefused = 3,       // refused for safety: data on the disk, bad list, wrong state
  kVerification = 4,  // signature, digest, policy, epoch
  kDoesNotFit = 5,    // space, machine, architecture
  kNetwork = 6,       // network or registry
  kBusy = 7,          // another `ros` is at work
};

// The one family of exceptions. The message is a sentence without a full stop, lower case where it
// does not start with a name; each layer puts what it was doing in front.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

  [[nodiscard]] const std::string& message() const noexcept { return message_; }

  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

  // The same error, seen by the layer that was `doing` something: "DOING: MESSAGE". As it is
  // where the message begins so: of what was read, several layers know the name.
  [[nodiscard]] Error WithContext(std::string_view doing) const;

  // Both errors, for a clean-up that failed too: "MESSAGE; then CLEAN-UP MESSAGE". Keeps this kind.
  [[nodiscard]] Error FollowedBy(const std::exception& cleanup) const;

 private:
  ErrorKind kind_;
  std::string message_;
};

// Throws kFailed (kRefused for EROFS, kDoesNotFit for ENOSPC) with "WHAT: strerror(code)".
[[noreturn]] void ThrowErrno(std::string_view what, int code = errno);

// Runs `work`; an Error that leaves it gets `doing` in front. Other exceptions become kFailed.
template <typename Work>
decltype(auto) InContext(std::string_view doing, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& error) {
    throw error.WithContext(doing);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kFailed, error.what()).WithContext(doing);
  }
}

}  // namespace ros
