#pragma once

#include <string_view>

#include "base/shown_text.hpp"

namespace ros::images {

// Throws kVerification "WHERE: why" unless the text is printable ASCII, 1 to 256 characters.
void CheckPrintable(std::string_view where, std::string_view text);

}  // namespace ros::images
