#include "keys/cosign_key.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "base/error.hpp"
#include "base/json.hpp"
#include "keys/base64.hpp"
#include "keys/c_bytes.hpp"
#include "keys/openssl_key.hpp"

namespace ros::keys {
namespace {

constexpr std::string_view kNewLabel = "ENCRYPTED SIGSTORE PRIVATE KEY";
constexpr const char* kOldLabel = "ENCRYPTED COSIGN PRIVATE KEY";
constexpr std::string_view kDerivation = "scrypt";
constexpr std::string_view kCipher = "nacl/secretbox";
constexpr std::size_t kScryptSaltSize = 32;
constexpr std::size_t kMaxSaltSize = 1024;

// What is in the file.
struct SealedKey {
  ScryptCost cost;
  std::string salt;
  std::string nonce;
  std::string ciphertext;
};

void StartSodium() {
  if (::sodium_init() < 0) {
    throw Error(ErrorKind::kFailed, "libsodium cannot be used here");
  }
}

unsigned char* RawOf(Secret& secret) {
  return reinterpret_cast<unsigned char*>(secret.bytes().data());
}

std::string RandomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  ::randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

void CheckCost(const ScryptCost& cost) {
  const bool is_small = cost.n >= 2 && cost.n <= kMaxScryptMemory && std::has_single_bit(cost.n) &&
                        cost.r >= 1 && cost.r <= kMaxScryptR && cost.p >= 1 &&
                        cost.p <= kMaxScryptP && 128 * cost.n * cost.r <= kMaxScryptMemory;
  if (!is_small) {
    throw Error(ErrorKind::kVerification,
                "scrypt with N " + std::to_string(cost.n) + ", r " + std::to_string(cost.r) +
                    ", p " + std::to_string(cost.p) + " is not taken; cosign writes 32768, 8, 1");
  }
}

Secret DeriveKey(const Secret& passphrase, const std::string& salt, const ScryptCost& cost) {
  Secret key(crypto_secretbox_KEYBYTES);
  if (::crypto_pwhash_scryptsalsa208sha256_ll(Raw(passphrase.view()),
                                              passphrase.size(),
                                              Raw(salt),
                                              salt.size(),
                                              cost.n,
                                              cost.r,
                                              cost.p,
                                              RawOf(key),
                                              key.size()) != 0) {
    throw Error(ErrorKind::kFailed, "deriving a key from the passphrase: out of memory");
  }
  return key;
}

std::uint64_t Number(const Json& params, std::string_view key, const std::string& where) {
  return params.At(key, where).AsUint(where + "." + std::string(key));
}

void ExpectName(const Json& json, std::string_view wanted, const std::string& where) {
  const auto& name = json.At("name", where).AsString(where + ".name");
  if (name != wanted) {
    throw Error(ErrorKind::kVerification,
                where + ".name: only " + std::string(wanted) + " is taken");
  }
}

std::string Field(const Json& json, std::string_view key, const std::string& where) {
  const auto place = where + "." + std::string(key);
  const auto& text = json.At(key, where).AsString(place);
  return InContext(place, [&] { return DecodeBase64(text); });
}

// Numbers beyond 32 bits become too large ones, which is what they are.
std::uint32_t Narrow(std::uint64_t number) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(number, UINT32_MAX));
}

SealedKey ParseSealed(std::string_view text) {
  const std::string where = "key file";
  const auto json = Json::Parse(text, where);
  const auto& derivation = json.At("kdf", where);
  const auto& cipher = json.At("cipher", where);
  ExpectName(derivation, kDerivation, "kdf");
  ExpectName(cipher, kCipher, "cipher");
  const std::string params_place = "kdf.params";
  const auto& params = derivation.At("params", "kdf");
  SealedKey sealed;
  sealed.cost.n = Number(params, "N", params_place);
  sealed.cost.r = Narrow(Number(params, "r", params_place));
  sealed.cost.p = Narrow(Number(params, "p", params_place));
  CheckCost(sealed.cost);
  sealed.salt = Field(derivation, "salt", "kdf");
  sealed.nonce = Field(cipher, "nonce", "cipher");
  sealed.ciphertext = Field(json, "ciphertext", where);
  if (sealed.salt.size() > kMaxSaltSize || sealed.nonce.size() != crypto_secretbox_NONCEBYTES ||
      sealed.ciphertext.size() <= crypto_secretbox_MACBYTES) {
    throw Error(ErrorKind::kVerification, "salt, nonce or ciphertext has a wrong length");
  }
  return sealed;
}

// The content of the PEM block, which is not secret.
std::string ReadBlock(std::string_view pem, std::string_view name) {
  const auto bio = OpenText(pem, name);
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;
  if (PEM_read_bio(bio.get(), &label, &header, &data, &length) != 1) {
    RefuseKey(name, "its PEM block is damaged");
  }
  std::string block(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return block;
}

std::string ToText(const SealedKey& sealed) {
  auto params = Json::MakeObject();
  params.Set("N", sealed.cost.n);
  params.Set("r", std::uint64_t{sealed.cost.r});
  params.Set("p", std::uint64_t{sealed.cost.p});
  auto derivation = Json::MakeObject();
  derivation.Set("name", kDerivation);
  derivation.Set("params", params);
  derivation.Set("salt", EncodeBase64(AsBytes(sealed.salt)));
  auto cipher = Json::MakeObject();
  cipher.Set("name", kCipher);
  cipher.Set("nonce", EncodeBase64(AsBytes(sealed.nonce)));
  auto json = Json::MakeObject();
  json.Set("kdf", derivation);
  json.Set("cipher", cipher);
  json.Set("ciphertext", EncodeBase64(AsBytes(sealed.ciphertext)));
  return json.Dump();
}

}  // namespace

bool IsCosignKey(std::string_view pem) {
  const std::string begin = "-----BEGIN ";
  return pem.find(begin + kOldLabel) != std::string_view::npos ||
         pem.find(begin + std::string(kNewLabel)) != std::string_view::npos;
}

Secret OpenCosignKey(std::string_view pem,
                     std::string_view name,
                     const PassphraseSource& passphrase) {
  StartSodium();
  SealedKey sealed;
  try {
    sealed = ParseSealed(ReadBlock(pem, name));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUsage) {
      throw;
    }
    RefuseKey(name, "it is not a key file of cosign: " + error.message());
  }
  const auto key = DeriveKey(passphrase(name), sealed.salt, sealed.cost);
  Secret der(sealed.ciphertext.size() - crypto_secretbox_MACBYTES);
  if (::crypto_secretbox_open_easy(RawOf(der),
                                   Raw(sealed.ciphertext),
                                   sealed.ciphertext.size(),
                                   Raw(sealed.nonce),
                                   Raw(key.view())) != 0) {
    RefuseKey(name, "the passphrase is wrong, or the file is damaged");
  }
  return der;
}

Secret SealCosignKey(const Secret& der, const Secret& passphrase, const ScryptCost& cost) {
  StartSodium();
  SealedKey sealed;
  sealed.cost = cost;
  sealed.salt = RandomBytes(kScryptSaltSize);
  sealed.nonce = RandomBytes(crypto_secretbox_NONCEBYTES);
  sealed.ciphertext.resize(der.size() + crypto_secretbox_MACBYTES);
  const auto key = DeriveKey(passphrase, sealed.salt, cost);
  ::crypto_secretbox_easy(reinterpret_cast<unsigned char*>(sealed.ciphertext.data()),
                          Raw(der.view()),
                          der.size(),
                          Raw(sealed.nonce),
                          Raw(key.view()));
  const auto text = ToText(sealed);
  const auto bio = NewSecretBuffer();
  CheckOpenssl(PEM_write_bio(bio.get(), kOldLabel, "", Raw(text), static_cast<long>(text.size())),
               "writing a private key");
  return TakeSecret(bio.get());
}

}  // namespace ros::keys
