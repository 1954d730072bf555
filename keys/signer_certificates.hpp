#pragma once

#include <vector>

#include "base/bytes.hpp"
#include "keys/digest.hpp"

namespace ros::keys {

// The SHA-256 of each certificate in a signature of the form PKCS#7 (DER, bytes behind it are
// passed over), which may come from anywhere. Empty for anything else. Whether the signature is
// one, and by which of them, is not asked.
std::vector<Digest> SignerCertificates(ByteSpan pkcs7);

}  // namespace ros::keys
