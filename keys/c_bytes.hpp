#pragma once

#include <string_view>

#include "base/bytes.hpp"

namespace ros::keys {

// As OpenSSL and libsodium take bytes. The pointer lives as long as what it looks at.
inline const unsigned char* Raw(ByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

inline const unsigned char* Raw(std::string_view bytes) {
  return Raw(AsBytes(bytes));
}

}  // namespace ros::keys
