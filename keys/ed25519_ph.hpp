#pragma once

#include "base/bytes.hpp"

namespace ros::keys {

// Ed25519ph (RFC 8032, section 5.1, no context), which newer versions of cosign sign with when a
// key is Ed25519; OpenSSL 3.0 does not know it. `public_key` is the key's 32 bytes. False for
// anything that is not its signature.
bool VerifyEd25519ph(ByteSpan public_key, ByteSpan message, ByteSpan signature);

}  // namespace ros::keys
