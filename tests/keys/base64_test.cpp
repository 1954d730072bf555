#include "keys/base64.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using namespace ros;
using namespace ros::keys;

TEST_CASE("Base64: RFC 4648's examples go both ways", "[keys]") {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, text] : cases) {
    CHECK(EncodeBase64(AsBytes(plain)) == text);
    CHECK(DecodeBase64(text) == plain);
  }
}

TEST_CASE("DecodeBase64: refuses everything that EncodeBase64 would not write", "[keys]") {
  for (const auto* text : {"Zg",
                           "Zg=",
                           "Zg===",
                           "Zh==",
                           "Zm9v\n",
                           " Zm9v",
                           "Z===",
                           "====",
                           "Zm-_",
                           "Zg==Zg==",
                           "Zm9=",
                           "=Zm9"}) {
    INFO(text);
    CHECK_THROWS_AS(DecodeBase64(text), Error);
  }
}
