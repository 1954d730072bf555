#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ros::config {

// Decodes base64 (RFC 4648, section 4); white space is skipped, as in a folded YAML value. Nothing
// when the text is no base64.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace ros::config
