// What the sources of this folder share about OpenSSL's keys; not for other folders.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/c_ptr.hpp"
#include "keys/public_key.hpp"
#include "keys/secret.hpp"

// OpenSSL's own declarations, so that its headers stay in the sources.
struct evp_pkey_st;
struct evp_md_ctx_st;
struct bio_st;
extern "C" {
void EVP_PKEY_free(evp_pkey_st* key);
void EVP_MD_CTX_free(evp_md_ctx_st* context);
void BIO_free_all(bio_st* bio);
}

namespace ros::keys {

using KeyPointer = CPtr<evp_pkey_st, EVP_PKEY_free>;
using DigestContext = CPtr<evp_md_ctx_st, EVP_MD_CTX_free>;
using Bio = CPtr<bio_st, BIO_free_all>;

inline constexpr std::size_t kMaxPemSize = std::size_t{64} << 10U;

struct OpensslKey {
  // What the key cannot live without: the engine of a token. Goes away after it.
  std::shared_ptr<void> keeper;
  KeyPointer key;
  KeyType type = KeyType::kEcdsaP256;
  // Of a token's key, which does not always know its own public half; empty for others.
  std::string public_pem;
};

// Throws kFailed "WHAT: OpenSSL's reason".
[[noreturn]] void ThrowOpenssl(std::string_view what);
// The same, where a function of OpenSSL did not succeed.
void CheckOpenssl(int result, std::string_view what);
// Throws kUsage "NAME: why".
[[noreturn]] void RefuseKey(std::string_view name, std::string_view why);

// To read from; throws kUsage for a text that is too long.
Bio OpenText(std::string_view text, std::string_view name);
// To write to, and what was written; the buffer is wiped.
Bio NewSecretBuffer();
Secret TakeSecret(bio_st* bio);

// What kind a key is. Throws kUsage "NAME: why" for one that is not taken.
KeyType TypeOf(evp_pkey_st* key, std::string_view name);
std::string PublicPemOf(evp_pkey_st* key);

DigestContext NewDigestContext();

}  // namespace ros::keys
