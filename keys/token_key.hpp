// Keys on PKCS#11 tokens; not for other folders (PrivateKey::Load and LoadTokenPublicKey are).
#pragma once

#include <memory>
#include <string_view>

#include "keys/openssl_key.hpp"

namespace ros::keys {

// The private key that a pkcs11: URI names; signing happens on the token. Takes the PIN from the
// URI's pin-source, else asks `pin`, once. Throws kUsage "URI: why": no engine, no such token or
// key, a wrong PIN.
std::shared_ptr<const OpensslKey> OpenTokenKey(std::string_view uri, const PassphraseSource& pin);

// The public half of it as PEM, for which no PIN is needed. Throws as above.
std::string ReadTokenPublicPem(std::string_view uri);

}  // namespace ros::keys
