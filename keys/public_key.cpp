#include "keys/public_key.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <utility>
#include <vector>

#include "keys/c_bytes.hpp"
#include "keys/digest.hpp"
#include "keys/ed25519_ph.hpp"
#include "keys/openssl_key.hpp"

namespace ros::keys {
namespace {

constexpr std::size_t kFingerprintLength = 16;
constexpr std::size_t kEd25519Size = 32;
constexpr std::string_view kBegin = "-----BEGIN ";

void ExpectOneBlock(std::string_view pem, std::string_view name) {
  const auto first = pem.find(kBegin);
  if (first == std::string_view::npos) {
    RefuseKey(name, "there is no PEM block in it");
  }
  if (pem.find(kBegin, first + kBegin.size()) != std::string_view::npos) {
    RefuseKey(name, "there is more than one PEM block in it; a file holds one key");
  }
}

// Without this OpenSSL would ask on the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

// The digests of signatures that are taken. Ed25519 hashes for itself. cosign signs with SHA-256
// whatever the key, but from 2.6 on with SHA-384 where the key is P-384 (decision 50).
std::vector<const EVP_MD*> DigestsFor(KeyType type) {
  switch (type) {
    case KeyType::kEcdsaP256:
    case KeyType::kRsa:
      return {EVP_sha256()};
    case KeyType::kEcdsaP384:
      return {EVP_sha256(), EVP_sha384()};
    case KeyType::kEd25519:
      return {nullptr};
  }
  return {};
}

std::array<std::byte, kEd25519Size> RawEd25519(EVP_PKEY* key) {
  std::array<std::byte, kEd25519Size> raw{};
  std::size_t size = raw.size();
  CheckOpenssl(
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size),
      "reading a public key");
  return raw;
}

bool VerifyWith(EVP_PKEY* key, const EVP_MD* digest, ByteSpan message, ByteSpan signature) {
  const auto context = NewDigestContext();
  CheckOpenssl(EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key),
               "verifying a signature");
  const bool good =
      EVP_DigestVerify(
          context.get(), Raw(signature), signature.size(), Raw(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

std::string_view Name(KeyType type) {
  switch (type) {
    case KeyType::kEcdsaP256:
      return "ecdsa";
    case KeyType::kEcdsaP384:
      return "ecdsa-p384";
    case KeyType::kEd25519:
      return "ed25519";
    case KeyType::kRsa:
      return "rsa";
  }
  return "unknown";
}

std::optional<KeyType> ParseKeyType(std::string_view name) {
  for (const auto type :
       {KeyType::kEcdsaP256, KeyType::kEcdsaP384, KeyType::kEd25519, KeyType::kRsa}) {
    if (name == Name(type)) {
      return type;
    }
  }
  return std::nullopt;
}

PublicKey::PublicKey(std::shared_ptr<const OpensslKey> key, std::string name)
    : key_(std::move(key)), name_(std::move(name)) {}

PublicKey PublicKey::FromPem(std::string_view pem, std::string name) {
  ExpectOneBlock(pem, name);
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
    RefuseKey(name, "it holds a private key; what is wanted is the public one (NAME.pub)");
  }
  const auto bio = OpenText(pem, name);
  KeyPointer key(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!key) {
    RefuseKey(name, "it is not a public key in PEM form (BEGIN PUBLIC KEY)");
  }
  const auto type = TypeOf(key.get(), name);
  return {std::make_shared<const OpensslKey>(OpensslKey{.key = std::move(key), .type = type}),
          std::move(name)};
}

bool PublicKey::Verify(ByteSpan message, ByteSpan signature) const {
  for (const auto* digest : DigestsFor(key_->type)) {
    if (VerifyWith(key_->key.get(), digest, message, signature)) {
      return true;
    }
  }
  return key_->type == KeyType::kEd25519 &&
         VerifyEd25519ph(RawEd25519(key_->key.get()), message, signature);
}

std::string PublicKey::Fingerprint() const {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key_->key.get(), &der);
  CheckOpenssl(length, "encoding a public key");
  const auto digest = Sha256Of(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return digest.Hex().substr(0, kFingerprintLength);
}

std::string PublicKey::ToPem() const {
  return PublicPemOf(key_->key.get());
}

KeyType PublicKey::type() const {
  return key_->type;
}

}  // namespace ros::keys
