// PKCS#8 and OpenSSL's older private key files, plain and encrypted; not for other folders.
#pragma once

#include <string_view>

#include "keys/openssl_key.hpp"

namespace ros::keys {

// A hostile key file may not keep a machine busy for hours.
inline constexpr long kMaxKeyIterations = 20'000'000;

// Reads one PEM block; asks `passphrase` when it is encrypted. Throws kUsage "NAME: why".
KeyPointer ReadPrivatePem(std::string_view pem,
                          std::string_view name,
                          const PassphraseSource& passphrase);

// PKCS#8 in DER form, not encrypted. Throws kUsage "NAME: why".
KeyPointer ReadPrivateDer(const Secret& der, std::string_view name);
Secret WritePrivateDer(evp_pkey_st* key);

// PKCS#8 as PEM; encrypted as PrivateKey::ToEncryptedPem says.
Secret WritePrivatePem(evp_pkey_st* key);
Secret WriteEncryptedPem(evp_pkey_st* key, const Secret& passphrase);

}  // namespace ros::keys
