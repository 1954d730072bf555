#include "base/error.hpp"

#include <cstring>

namespace ros {

Error Error::WithContext(std::string_view doing) const {
  const auto context = std::string(doing) + ": ";
  return message_.starts_with(context) ? *this : Error(kind_, context + message_);
}

Error Error::FollowedBy(const std::exception& cleanup) const {
  return {kind_, message_ + "; then " + cleanup.what()};
}

void ThrowErrno(std::string_view what, int code) {
  auto kind = ErrorKind::kFailed;
  if (code == EROFS) {
    kind = ErrorKind::kRefused;
  } else if (code == ENOSPC) {
    kind = ErrorKind::kDoesNotFit;
  }
  throw Error(kind, std::string(what) + ": " + std::strerror(code));
}

}  // namespace ros
