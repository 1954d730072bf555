#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::keys {

// The kinds of key that sign images, as cosign knows them. Signatures are always over SHA-256 of
// the message: ECDSA in DER form, RSA as PKCS#1 v1.5. Ed25519 signs the message itself (RFC 8032).
enum class KeyType { kEcdsaP256, kEd25519, kRsa };

// "ecdsa", "ed25519", "rsa".
std::string_view Name(KeyType type);
std::optional<KeyType> ParseKeyType(std::string_view name);

class PublicKey {
 public:
  // Reads one PEM "PUBLIC KEY" block (SubjectPublicKeyInfo). `name` is what messages call the key:
  // usually its file. Throws kUsage "NAME: why" for anything else: a private key, another curve,
  // RSA shorter than 2048 bits, several keys in one text.
  static PublicKey FromPem(std::string_view pem, std::string name);

  // Whether `signature` is this key's over `message`. A signature of wrong form is just not one.
  [[nodiscard]] bool Verify(ByteSpan message, ByteSpan signature) const;

  // The first 16 hex digits of the SHA-256 of the key's DER form: what people compare.
  [[nodiscard]] std::string Fingerprint() const;
  [[nodiscard]] std::string ToPem() const;
  [[nodiscard]] KeyType type() const;

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  friend class PrivateKey;
  struct Key;

  PublicKey(std::shared_ptr<const Key> key, std::string name);

  std::shared_ptr<const Key> key_;
  std::string name_;
};

class PrivateKey {
 public:
  static PrivateKey Generate(KeyType type);
  // Reads a PEM private key without a passphrase (PKCS#8, or the older forms of OpenSSL). Throws
  // kUsage "NAME: why".
  static PrivateKey FromPem(std::string_view pem, std::string_view name);
  // As above, from a file of at most 64 KiB.
  static PrivateKey FromFile(const std::filesystem::path& path);

  // The signature's bytes, in the form that PublicKey::Verify takes.
  [[nodiscard]] std::string Sign(ByteSpan message) const;
  [[nodiscard]] PublicKey Public() const;
  // PKCS#8, not encrypted.
  [[nodiscard]] std::string ToPem() const;

 private:
  explicit PrivateKey(std::shared_ptr<const PublicKey::Key> key);

  std::shared_ptr<const PublicKey::Key> key_;
};

// Writes STEM.key (mode 0600) and STEM.pub (mode 0644), durably. Throws kRefused when one of them
// exists already, and writes neither then.
void WriteKeyPair(const std::filesystem::path& stem, const PrivateKey& key);

}  // namespace ros::keys
