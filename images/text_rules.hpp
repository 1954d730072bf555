#pragma once

#include <cstddef>
#include <string_view>

#include "base/shown_text.hpp"

namespace ros::images {

// Throws kVerification "WHERE: why" unless the text is printable ASCII, 1 to 256 characters.
void CheckPrintable(std::string_view where, std::string_view text);

// The same unless it is lower-case hex of whole bytes, with so many digits.
void CheckHex(std::string_view where,
              std::string_view text,
              std::size_t shortest,
              std::size_t longest);

}  // namespace ros::images
