#pragma once

#include <vector>

#include "base/bytes.hpp"
#include "keys/digest.hpp"

namespace ros::keys {

// The SHA-256 of the certificate of each signer in a signature of the form PKCS#7 (DER, bytes
// behind it are passed over), which may come from anywhere; certificates that lie beside those do
// not count. Empty for anything else. Whether the signature verifies is not asked.
std::vector<Digest> SignerCertificates(ByteSpan pkcs7);

}  // namespace ros::keys
