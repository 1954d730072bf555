#include "keys/openssl_key.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>

#include "base/error.hpp"

namespace ros::keys {
namespace {

constexpr int kMinRsaBits = 3072;
constexpr int kMaxRsaBits = 8192;

KeyType RsaOf(int bits, std::string_view name) {
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    RefuseKey(name,
              "an RSA key of " + std::to_string(bits) + " bits is not taken, only of " +
                  std::to_string(kMinRsaBits) + " to " + std::to_string(kMaxRsaBits));
  }
  return KeyType::kRsa;
}

KeyType CurveOf(EVP_PKEY* key, std::string_view name) {
  std::array<char, 64> group{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1) {
    const std::string_view curve(group.data(), length);
    if (curve == "prime256v1") {
      return KeyType::kEcdsaP256;
    }
    if (curve == "secp384r1") {
      return KeyType::kEcdsaP384;
    }
  }
  RefuseKey(name, "an elliptic curve other than P-256 and P-384 is not taken");
}

}  // namespace

void ThrowOpenssl(std::string_view what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw Error(ErrorKind::kFailed,
              std::string(what) + (reason == nullptr ? "" : ": " + std::string(reason)));
}

void CheckOpenssl(int result, std::string_view what) {
  if (result <= 0) {
    ThrowOpenssl(what);
  }
}

void RefuseKey(std::string_view name, std::string_view why) {
  ERR_clear_error();
  throw Error(ErrorKind::kUsage, std::string(name) + ": " + std::string(why));
}

Bio OpenText(std::string_view text, std::string_view name) {
  if (text.size() > kMaxPemSize) {
    RefuseKey(name, "too long for a key");
  }
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) {
    ThrowOpenssl("out of memory");
  }
  return bio;
}

Bio NewSecretBuffer() {
  // Its memory is wiped when it grows and when it goes away.
  Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio) {
    ThrowOpenssl("out of memory");
  }
  return bio;
}

Secret TakeSecret(BIO* bio) {
  char* data = nullptr;
  const auto length = BIO_get_mem_data(bio, &data);
  return Secret(std::string_view(data, static_cast<std::size_t>(length)));
}

KeyType TypeOf(EVP_PKEY* key, std::string_view name) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    return KeyType::kEd25519;
  }
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    return RsaOf(EVP_PKEY_get_bits(key), name);
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    return CurveOf(key, name);
  }
  RefuseKey(name, "a key of this kind is not taken, only ECDSA P-256 and P-384, Ed25519 and RSA");
}

std::string PublicPemOf(EVP_PKEY* key) {
  const auto bio = NewSecretBuffer();
  CheckOpenssl(PEM_write_bio_PUBKEY(bio.get(), key), "writing a public key");
  return std::string(TakeSecret(bio.get()).view());
}

DigestContext NewDigestContext() {
  DigestContext context(EVP_MD_CTX_new());
  if (!context) {
    ThrowOpenssl("out of memory");
  }
  return context;
}

}  // namespace ros::keys
