#include "keys/pkcs11_uri.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using namespace ros;
using namespace ros::keys;

TEST_CASE("ParsePkcs11Uri: takes what RFC 7512 has for a key", "[keys]") {
  CHECK(ParsePkcs11Uri("pkcs11:object=release") == Pkcs11Uri{.object = "pkcs11:object=release"});
  CHECK(ParsePkcs11Uri("pkcs11:token=my%20token;id=%01%02;type=private") ==
        Pkcs11Uri{.object = "pkcs11:id=%01%02;token=my%20token"});
  CHECK(ParsePkcs11Uri("pkcs11:object=a?module-path=/usr/lib/x.so&pin-source=file:/run/my%20pin") ==
        Pkcs11Uri{.object = "pkcs11:object=a",
                  .module_path = "/usr/lib/x.so",
                  .pin_source = "/run/my pin"});
  CHECK(IsPkcs11Uri("pkcs11:"));
  CHECK_FALSE(IsPkcs11Uri("release.key"));
  CHECK_FALSE(IsPkcs11Uri("./pkcs11:"));
}

TEST_CASE("ParsePkcs11Uri: refuses the rest, and never repeats what may be a PIN", "[keys]") {
  const std::pair<std::string, std::string> cases[] = {
      {"pkcs11:", "it does not say which key"},
      {"pkcs11:token=ros", "it does not say which key"},
      {"pkcs11:object=a?pin-value=123456", "a PIN in the command line is seen by everybody"},
      {"pkcs11:object=a?pin=123456", "\"pin\" is not an attribute"},
      {"pkcs11:object=a;pin-value=1", "\"pin-value\" is not an attribute"},
      {"pkcs11:object=a;object=b", "\"object\" is there twice"},
      {"pkcs11:object", "\"object\" is not an attribute"},
      {"pkcs11:object=a;;token=b", "\"\" is not an attribute"},
      {"pkcs11:object=%zz", "two hexadecimal digits"},
      {"pkcs11:object=%4", "two hexadecimal digits"},
      {"pkcs11:object=a b", "written as %XX"},
      {"pkcs11:object=a?module-path=x.so", "module-path is not an absolute path"},
      {"pkcs11:object=a?pin-source=/run%00", "pin-source is not an absolute path"},
      {"pkcs11:object=" + std::string(2000, 'a'), "more than 1024 characters"},
  };
  for (const auto& [uri, why] : cases) {
    INFO(uri);
    const std::string& text = uri;  // A lambda cannot take a structured binding in clang 14.
    try {
      ParsePkcs11Uri(text);
      FAIL("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kUsage);
      CHECK_THAT(error.message(), Catch::Contains(why) && !Catch::Contains("123456"));
    }
  }
}
