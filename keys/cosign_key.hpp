#pragma once

#include <cstdint>
#include <string_view>

#include "keys/secret.hpp"

namespace ros::keys {

// cosign's private key files: a PEM block "ENCRYPTED COSIGN PRIVATE KEY" (which every version of
// cosign and skopeo reads) or "ENCRYPTED SIGSTORE PRIVATE KEY" (which newer ones write), in it JSON
//   {"kdf": {"name": "scrypt", "params": {"N", "r", "p"}, "salt"},
//    "cipher": {"name": "nacl/secretbox", "nonce"}, "ciphertext"}
// with base64, and sealed in that PKCS#8 in DER form.

// What scrypt costs; memory is 128 * n * r bytes.
struct ScryptCost {
  std::uint64_t n = std::uint64_t{1} << 15U;
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};

// A file may ask for at most so much: four times what cosign writes, and what its strongest form
// has.
inline constexpr std::uint64_t kMaxScryptMemory = std::uint64_t{128} << 20U;
inline constexpr std::uint32_t kMaxScryptR = 32;
inline constexpr std::uint32_t kMaxScryptP = 8;

// Whether a text is one of cosign's private keys.
bool IsCosignKey(std::string_view pem);

// The PKCS#8 DER in such a file. Asks `passphrase` once, after all of the file has been checked.
// Throws kUsage "NAME: why": malformed, costs beyond the limits, a wrong passphrase.
Secret OpenCosignKey(std::string_view pem,
                     std::string_view name,
                     const PassphraseSource& passphrase);

// The file's text for PKCS#8 DER. Other costs than the default are read by `ros` alone: cosign and
// skopeo insist.
Secret SealCosignKey(const Secret& der, const Secret& passphrase, const ScryptCost& cost = {});

}  // namespace ros::keys
