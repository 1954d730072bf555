#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "keys/digest.hpp"

namespace ros::keys {

// The SHA-256 of the certificate of each signer in a signature of the form PKCS#7 (DER, bytes
// behind it are passed over), which may come from anywhere; certificates that lie beside those do
// not count. Empty for anything else. Whether the signature verifies is not asked.
std::vector<Digest> SignerCertificates(ByteSpan pkcs7);

// Whether the certificate of a signer is one of `trusted` (X.509, DER), or leads to one by those
// that lie beside it. Dates are not asked, as no firmware asks them (UEFI 2.10, section 32.5.3.3).
// False for what is no signature; those of `trusted` that are no certificates are passed over.
bool IsSignerTrusted(ByteSpan pkcs7, const std::vector<std::string>& trusted);

}  // namespace ros::keys
