#include "config/base64.hpp"

#include <catch2/catch.hpp>

using ros::config::DecodeBase64;

TEST_CASE("DecodeBase64: the vectors of RFC 4648", "[config]") {
  CHECK(DecodeBase64("") == "");
  CHECK(DecodeBase64("Zg==") == "f");
  CHECK(DecodeBase64("Zm8=") == "fo");
  CHECK(DecodeBase64("Zm9v") == "foo");
  CHECK(DecodeBase64("Zm9vYg==") == "foob");
  CHECK(DecodeBase64("Zm9vYmE=") == "fooba");
  CHECK(DecodeBase64("Zm9v\nYmFy\n") == "foobar");
  CHECK(DecodeBase64("//79") == "\xff\xfe\xfd");
}

TEST_CASE("DecodeBase64: refuses what is none", "[config]") {
  CHECK_FALSE(DecodeBase64("Z"));
  CHECK_FALSE(DecodeBase64("Zg"));
  CHECK_FALSE(DecodeBase64("Zg="));
  CHECK_FALSE(DecodeBase64("Zg==Zg=="));
  CHECK_FALSE(DecodeBase64("===="));
  CHECK_FALSE(DecodeBase64("Zm9v!"));
}
