#pragma once

#include <string>
#include <string_view>

namespace ros::installer {

// A text as a terminal may get it, whatever it was made of: names of files, labels of disks, words
// of an image. Control characters but line break and tab, C1 controls and what is not UTF-8 become
// '?'. Our own colours stay ("ESC [ digits m": they change nothing but the colour).
std::string TerminalText(std::string_view text);

}  // namespace ros::installer
