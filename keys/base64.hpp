#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::keys {

// Standard base64 with padding, without line breaks (RFC 4648, section 4).
std::string EncodeBase64(ByteSpan data);

// Throws kVerification "not base64" for other characters, wrong padding or bits left over.
std::string DecodeBase64(std::string_view text);

}  // namespace ros::keys
