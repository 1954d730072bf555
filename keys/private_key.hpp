#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "keys/public_key.hpp"
#include "keys/secret.hpp"

namespace ros::keys {

class PrivateKey {
 public:
  static PrivateKey Generate(KeyType type);

  // Reads a PEM private key: PKCS#8 or the older forms of OpenSSL, plain or encrypted, or cosign's
  // own form. Calls
  // `passphrase` when it is encrypted, once. Throws kUsage "NAME: why", for a wrong passphrase too.
  static PrivateKey FromPem(std::string_view pem,
                            std::string_view name,
                            const PassphraseSource& passphrase);
  // As above, from a file of at most 64 KiB.
  static PrivateKey FromFile(const std::filesystem::path& path, const PassphraseSource& passphrase);
  // For a key that is not encrypted: one that is throws kUsage.
  static PrivateKey FromFile(const std::filesystem::path& path);

  // What --key names: a pkcs11: URI, for a key on a token (docs/keys.md, "Keys on a token"), or a
  // file. `passphrase` is asked for the token's PIN too. Throws as FromFile; kUsage "URI: why".
  static PrivateKey Load(const std::string& place, const PassphraseSource& passphrase);

  // The signature's bytes, in the form that every cosign and skopeo verifies: SHA-256 (P-384 too),
  // ECDSA as DER, RSA as PKCS#1 v1.5; Ed25519 over the message itself (RFC 8032).
  [[nodiscard]] std::string Sign(ByteSpan message) const;
  [[nodiscard]] PublicKey Public() const;
  // PKCS#8, not encrypted. A key on a token is not written: kFailed.
  [[nodiscard]] Secret ToPem() const;
  // PKCS#8 under a passphrase: PBES2, scrypt (N 2^14, r 8, p 5), AES-256-CBC. What `openssl pkey`
  // reads.
  [[nodiscard]] Secret ToEncryptedPem(const Secret& passphrase) const;
  // cosign's form under a passphrase (cosign_key.hpp): what cosign and skopeo read.
  [[nodiscard]] Secret ToCosignPem(const Secret& passphrase) const;

 private:
  explicit PrivateKey(std::shared_ptr<const OpensslKey> key);

  std::shared_ptr<const OpensslKey> key_;
};

// The public half of a key on a token, called by its pkcs11: URI. Needs no PIN. Throws kUsage
// "URI: why".
PublicKey LoadTokenPublicKey(std::string_view uri);

}  // namespace ros::keys
