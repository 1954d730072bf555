#include "keys/pkcs8.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>

namespace ros::keys {
namespace {

// OWASP's advice for memory-hard hashing in 16 MiB; OpenSSL reads no more than 32 MiB by default.
constexpr std::uint64_t kScryptN = std::uint64_t{1} << 14U;
constexpr std::uint64_t kScryptR = 8;
constexpr std::uint64_t kScryptP = 5;

using EncryptedKey = CPtr<X509_SIG, X509_SIG_free>;
using PlainKey = CPtr<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using EncryptionParameters = CPtr<PBE2PARAM, PBE2PARAM_free>;
using IterationParameters = CPtr<PBKDF2PARAM, PBKDF2PARAM_free>;
using Algorithm = CPtr<X509_ALGOR, X509_ALGOR_free>;

// OpenSSL's callback; without one it would ask on the terminal.
int GivePassphrase(char* buffer, int size, int /*writing*/, void* data) {
  const auto* passphrase = static_cast<const Secret*>(data);
  if (passphrase == nullptr || passphrase->size() > static_cast<std::size_t>(size)) {
    return -1;
  }
  std::copy(passphrase->view().begin(), passphrase->view().end(), buffer);
  return static_cast<int>(passphrase->size());
}

// How often PBKDF2 hashes in a PKCS#8 block, 0 where it is not PBKDF2 (OpenSSL limits scrypt for
// itself, and the older ways count to few).
long IterationsOf(const X509_SIG* encrypted) {
  const X509_ALGOR* algorithm = nullptr;
  X509_SIG_get0(encrypted, &algorithm, nullptr);
  if (OBJ_obj2nid(algorithm->algorithm) != NID_pbes2 || algorithm->parameter == nullptr) {
    return 0;
  }
  const EncryptionParameters scheme(static_cast<PBE2PARAM*>(
      ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter)));
  if (!scheme || OBJ_obj2nid(scheme->keyfunc->algorithm) != NID_id_pbkdf2 ||
      scheme->keyfunc->parameter == nullptr) {
    return 0;
  }
  const IterationParameters derivation(static_cast<PBKDF2PARAM*>(
      ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), scheme->keyfunc->parameter)));
  // -1 stands for a number too large for a long.
  return derivation ? ASN1_INTEGER_get(derivation->iter) : 0;
}

void CheckIterations(std::string_view pem, std::string_view name) {
  const auto bio = OpenText(pem, name);
  const EncryptedKey encrypted(PEM_read_bio_PKCS8(bio.get(), nullptr, nullptr, nullptr));
  const long iterations = encrypted ? IterationsOf(encrypted.get()) : 0;
  ERR_clear_error();
  if (iterations < 0 || iterations > kMaxKeyIterations) {
    RefuseKey(name,
              "its passphrase would be hashed more than " + std::to_string(kMaxKeyIterations) +
                  " times; that takes too long");
  }
}

bool IsEncrypted(std::string_view pem) {
  return pem.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") != std::string_view::npos ||
         pem.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos;
}

KeyPointer Read(std::string_view pem, std::string_view name, Secret* passphrase) {
  const auto bio = OpenText(pem, name);
  return KeyPointer(PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassphrase, passphrase));
}

Algorithm NewEncryption() {
  // Salt and IV are made at random.
  Algorithm algorithm(
      PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, 0, nullptr, kScryptN, kScryptR, kScryptP));
  if (!algorithm) {
    ThrowOpenssl("encrypting a private key");
  }
  return algorithm;
}

}  // namespace

KeyPointer ReadPrivatePem(std::string_view pem,
                          std::string_view name,
                          const PassphraseSource& passphrase) {
  if (!IsEncrypted(pem)) {
    auto key = Read(pem, name, nullptr);
    if (!key) {
      RefuseKey(name, "it is not a private key in PEM form (BEGIN PRIVATE KEY)");
    }
    return key;
  }
  CheckIterations(pem, name);
  auto secret = passphrase(name);
  auto key = Read(pem, name, &secret);
  if (!key) {
    RefuseKey(name, "the passphrase is wrong, or the file is damaged");
  }
  return key;
}

KeyPointer ReadPrivateDer(const Secret& der, std::string_view name) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.view().data());
  KeyPointer key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
  if (!key) {
    RefuseKey(name, "what is in it is not a private key");
  }
  return key;
}

Secret WritePrivateDer(EVP_PKEY* key) {
  const auto bio = NewSecretBuffer();
  CheckOpenssl(i2d_PKCS8PrivateKey_bio(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr),
               "writing a private key");
  return TakeSecret(bio.get());
}

Secret WritePrivatePem(EVP_PKEY* key) {
  const auto bio = NewSecretBuffer();
  CheckOpenssl(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr),
               "writing a private key");
  return TakeSecret(bio.get());
}

Secret WriteEncryptedPem(EVP_PKEY* key, const Secret& passphrase) {
  const PlainKey plain(EVP_PKEY2PKCS8(key));
  if (!plain) {
    ThrowOpenssl("encrypting a private key");
  }
  auto algorithm = NewEncryption();
  const EncryptedKey encrypted(PKCS8_set0_pbe(
      passphrase.view().data(), static_cast<int>(passphrase.size()), plain.get(), algorithm.get()));
  if (!encrypted) {
    ThrowOpenssl("encrypting a private key");
  }
  // It is part of the encrypted key now.
  static_cast<void>(algorithm.release());
  const auto bio = NewSecretBuffer();
  CheckOpenssl(PEM_write_bio_PKCS8(bio.get(), encrypted.get()), "writing a private key");
  return TakeSecret(bio.get());
}

}  // namespace ros::keys
