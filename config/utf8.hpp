#pragma once

#include <cstddef>
#include <string_view>

namespace ros::config {

// Bytes of the UTF-8 character (RFC 3629) that starts `text`, which is not empty; 0 when it is
// none.
std::size_t CharacterLength(std::string_view text);

bool IsUtf8(std::string_view text);

// Whether a character of `text`, which is UTF-8, is one that Unicode never gives a meaning (section
// 23.7, noncharacters: U+FFFE, U+FFFF, the last two of each plane, U+FDD0 to U+FDEF).
bool HasNoncharacter(std::string_view text);

}  // namespace ros::config
