#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::keys {

// The kinds of key that sign images (docs/keys.md, "Kinds of key").
enum class KeyType { kEcdsaP256, kEcdsaP384, kEd25519, kRsa };

// "ecdsa" (P-256), "ecdsa-p384", "ed25519", "rsa".
std::string_view Name(KeyType type);
std::optional<KeyType> ParseKeyType(std::string_view name);

struct OpensslKey;

class PublicKey {
 public:
  // Reads one PEM "PUBLIC KEY" block (SubjectPublicKeyInfo). `name` is what messages call the key:
  // usually its file. Throws kUsage "NAME: why" for anything else: a private key, another curve,
  // RSA shorter than 3072 bits, several keys in one text.
  static PublicKey FromPem(std::string_view pem, std::string name);

  // Whether `signature` is this key's over `message`, in one of the forms that cosign makes with
  // such a key: SHA-256 for ECDSA (DER) and RSA (PKCS#1 v1.5), SHA-384 too for P-384; Ed25519 over
  // the message, or Ed25519ph. A signature of wrong form is just not one.
  [[nodiscard]] bool Verify(ByteSpan message, ByteSpan signature) const;

  // The first 16 hex digits of the SHA-256 of the key's DER form: what people compare.
  [[nodiscard]] std::string Fingerprint() const;
  [[nodiscard]] std::string ToPem() const;
  [[nodiscard]] KeyType type() const;

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  PublicKey(std::shared_ptr<const OpensslKey> key, std::string name);

  std::shared_ptr<const OpensslKey> key_;
  std::string name_;
};

}  // namespace ros::keys
