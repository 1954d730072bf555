#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ros::images {

// Throws kVerification: what an image holds is not as it must be. `where` names the document, file
// or archive.
[[noreturn]] inline void Refuse(const std::string& why) {
  throw Error(ErrorKind::kVerification, why);
}

[[noreturn]] inline void Refuse(std::string_view where, const std::string& why) {
  throw Error(ErrorKind::kVerification, std::string(where) + ": " + why);
}

}  // namespace ros::images
