#include "keys/ed25519_ph.hpp"

#include <catch2/catch.hpp>

#include "keys/base64.hpp"
#include "keys/public_key.hpp"

using namespace ros;
using namespace ros::keys;

TEST_CASE("VerifyEd25519ph: the example of RFC 8032, alone and through PublicKey", "[keys]") {
  // Section 7.3: the message "abc".
  const auto key = DecodeBase64("7Bcrk61eVjv0kyxw4SRQNMNUZ+8u/U1k6/gZaDRn4r8=");
  auto signature = DecodeBase64(
      "mKcCIvC4Ehqp0w+BPWg/gJ5GK0acf/h2OUmbuU5trkEx+FBCRjwqNVogA9BirfWqoQuMYeY2Biqq0RwqJgg0Bg==");
  const auto pub = PublicKey::FromPem(
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEA7Bcrk61eVjv0kyxw4SRQNMNUZ+8u/U1k6/gZaDRn4r8=\n"
      "-----END PUBLIC KEY-----\n",
      "rfc8032.pub");
  CHECK(VerifyEd25519ph(AsBytes(key), AsBytes("abc"), AsBytes(signature)));
  CHECK(pub.Verify(AsBytes("abc"), AsBytes(signature)));

  CHECK_FALSE(pub.Verify(AsBytes("abd"), AsBytes(signature)));
  CHECK_FALSE(VerifyEd25519ph(AsBytes(key), AsBytes("abc"), AsBytes(signature + "x")));
  CHECK_FALSE(VerifyEd25519ph(AsBytes(key + "x"), AsBytes("abc"), AsBytes(signature)));
  CHECK_FALSE(VerifyEd25519ph(AsBytes(key), AsBytes("abc"), {}));
  signature[40] ^= 1;
  CHECK_FALSE(pub.Verify(AsBytes("abc"), AsBytes(signature)));
}
