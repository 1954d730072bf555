#include "keys/private_key.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <utility>

#include "base/error.hpp"
#include "keys/c_bytes.hpp"
#include "keys/cosign_key.hpp"
#include "keys/openssl_key.hpp"
#include "keys/pkcs11_uri.hpp"
#include "keys/pkcs8.hpp"
#include "keys/token_key.hpp"

namespace ros::keys {
namespace {

constexpr unsigned kRsaBits = 3072;

KeyPointer NewKey(KeyType type) {
  switch (type) {
    case KeyType::kEcdsaP256:
      return KeyPointer(EVP_EC_gen("prime256v1"));
    case KeyType::kEcdsaP384:
      return KeyPointer(EVP_EC_gen("secp384r1"));
    case KeyType::kEd25519:
      return KeyPointer(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    case KeyType::kRsa:
      return KeyPointer(EVP_RSA_gen(kRsaBits));
  }
  return nullptr;
}

}  // namespace

PrivateKey::PrivateKey(std::shared_ptr<const OpensslKey> key) : key_(std::move(key)) {}

PrivateKey PrivateKey::Generate(KeyType type) {
  auto key = NewKey(type);
  if (!key) {
    ThrowOpenssl("generating a key");
  }
  return PrivateKey(
      std::make_shared<const OpensslKey>(OpensslKey{.key = std::move(key), .type = type}));
}

PrivateKey PrivateKey::FromPem(std::string_view pem,
                               std::string_view name,
                               const PassphraseSource& passphrase) {
  if (pem.find("BEGIN PUBLIC KEY-----") != std::string_view::npos) {
    RefuseKey(name, "it holds a public key; what signs is the private one (NAME.key)");
  }
  auto key = IsCosignKey(pem) ? ReadPrivateDer(OpenCosignKey(pem, name, passphrase), name)
                              : ReadPrivatePem(pem, name, passphrase);
  const auto type = TypeOf(key.get(), name);
  return PrivateKey(
      std::make_shared<const OpensslKey>(OpensslKey{.key = std::move(key), .type = type}));
}

PrivateKey PrivateKey::FromFile(const std::filesystem::path& path,
                                const PassphraseSource& passphrase) {
  return FromPem(ReadSecretFile(path, kMaxPemSize).view(), path.string(), passphrase);
}

PrivateKey PrivateKey::FromFile(const std::filesystem::path& path) {
  return FromFile(path, [](std::string_view name) -> Secret {
    throw Error(ErrorKind::kUsage, std::string(name) + ": it needs a passphrase");
  });
}

PrivateKey PrivateKey::Load(const std::string& place, const PassphraseSource& passphrase) {
  return IsPkcs11Uri(place) ? PrivateKey(OpenTokenKey(place, passphrase))
                            : FromFile(place, passphrase);
}

std::string PrivateKey::Sign(ByteSpan message) const {
  const auto context = NewDigestContext();
  // Ed25519 hashes for itself and takes no digest.
  const auto* digest = key_->type == KeyType::kEd25519 ? nullptr : EVP_sha256();
  CheckOpenssl(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_->key.get()),
               "signing");
  std::size_t length = 0;
  CheckOpenssl(EVP_DigestSign(context.get(), nullptr, &length, Raw(message), message.size()),
               "signing");
  std::string signature(length, '\0');
  CheckOpenssl(EVP_DigestSign(context.get(),
                              reinterpret_cast<unsigned char*>(signature.data()),
                              &length,
                              Raw(message),
                              message.size()),
               "signing");
  signature.resize(length);
  // Two objects of a token may have one name and not be a pair.
  if (!key_->public_pem.empty() && !Public().Verify(message, AsBytes(signature))) {
    throw Error(ErrorKind::kFailed,
                "the token's public key does not verify what its private key has signed");
  }
  return signature;
}

PublicKey PrivateKey::Public() const {
  // Through PEM, so that the public half certainly holds nothing of the private one.
  const auto& known = key_->public_pem;
  return PublicKey::FromPem(known.empty() ? PublicPemOf(key_->key.get()) : known, "public key");
}

Secret PrivateKey::ToPem() const {
  return WritePrivatePem(key_->key.get());
}

Secret PrivateKey::ToCosignPem(const Secret& passphrase) const {
  return SealCosignKey(WritePrivateDer(key_->key.get()), passphrase);
}

Secret PrivateKey::ToEncryptedPem(const Secret& passphrase) const {
  return WriteEncryptedPem(key_->key.get(), passphrase);
}

PublicKey LoadTokenPublicKey(std::string_view uri) {
  return PublicKey::FromPem(ReadTokenPublicPem(uri), ParsePkcs11Uri(uri).object);
}

}  // namespace ros::keys
