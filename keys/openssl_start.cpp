#include "keys/openssl_start.hpp"

#include <openssl/crypto.h>

#include "base/error.hpp"

namespace ros::keys {

void StartOpensslWithoutConfig() {
  // No texts for errors either: they cost time, and nobody reads them there.
  if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS,
                          nullptr) != 1) {
    throw Error(ErrorKind::kFailed, "OpenSSL cannot be used here");
  }
}

}  // namespace ros::keys
