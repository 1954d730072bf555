#pragma once

#include <string>
#include <string_view>

namespace ros::images {

// A text from outside as a message may show it: no control characters, not longer than a line.
std::string ShowText(std::string_view text);

// Throws kVerification "WHERE: why" unless the text is printable ASCII, 1 to 256 characters.
void CheckPrintable(std::string_view where, std::string_view text);

}  // namespace ros::images
