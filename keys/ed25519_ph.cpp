#include "keys/ed25519_ph.hpp"

#include <sodium.h>

#include "keys/c_bytes.hpp"

namespace ros::keys {
namespace {}  // namespace

bool VerifyEd25519ph(ByteSpan public_key, ByteSpan message, ByteSpan signature) {
  if (public_key.size() != crypto_sign_PUBLICKEYBYTES || signature.size() != crypto_sign_BYTES ||
      ::sodium_init() < 0) {
    return false;
  }
  crypto_sign_state state;
  return ::crypto_sign_init(&state) == 0 &&
         ::crypto_sign_update(&state, Raw(message), message.size()) == 0 &&
         ::crypto_sign_final_verify(&state, Raw(signature), Raw(public_key)) == 0;
}

}  // namespace ros::keys
