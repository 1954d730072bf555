#pragma once

#include <span>
#include <string_view>

namespace ros {

// The known name that a misspelt word most likely means, at most two letters away; empty where none
// is near.
std::string_view NearestName(std::string_view word, std::span<const std::string_view> known);

}  // namespace ros
