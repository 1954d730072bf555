#pragma once

#include <filesystem>

#include "keys/private_key.hpp"
#include "keys/public_key.hpp"
#include "keys/secret.hpp"

namespace ros::keys {

// Writes STEM.key (mode 0600), which is the text `private_pem`, and STEM.pub (mode 0644), durably.
// Throws kRefused when one of them exists already, and writes neither then.
void WriteKeyPair(const std::filesystem::path& stem,
                  const PublicKey& public_key,
                  const Secret& private_pem);

// The same with the private key as it is, not encrypted.
void WriteKeyPair(const std::filesystem::path& stem, const PrivateKey& key);

}  // namespace ros::keys
