#pragma once

#include <cstddef>
#include <string_view>

namespace ros::config {

// Bytes of the UTF-8 character (RFC 3629) that starts `text`, which is not empty; 0 when it is
// none.
std::size_t CharacterLength(std::string_view text);

bool IsUtf8(std::string_view text);

}  // namespace ros::config
