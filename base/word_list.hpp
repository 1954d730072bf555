#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ros {

// "a, b, c", for sentences; empty for no words.
std::string Join(const std::vector<std::string>& words, std::string_view between = ", ");

}  // namespace ros
