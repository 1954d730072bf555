#include "registry/web_address.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using Catch::Contains;
using ros::registry::LooksLikeWebAddress;
using ros::registry::ParseWebAddress;

TEST_CASE("ParseWebAddress: takes host and encryption from a URL", "[registry]") {
  const auto address = ParseWebAddress("https://example.com:8443/os/myos-1.2.0.oci");
  CHECK(address.url == "https://example.com:8443/os/myos-1.2.0.oci");
  CHECK(address.host == "example.com:8443");
  CHECK(address.encrypted);
  const auto plain = ParseWebAddress("http://[::1]:80/a");
  CHECK(plain.host == "[::1]:80");
  CHECK_FALSE(plain.encrypted);
}

TEST_CASE("WebAddress: what opens the file is not shown", "[registry]") {
  const auto address = ParseWebAddress("https://store.example/os.oci?signature=secret");
  CHECK(address.url == "https://store.example/os.oci?signature=secret");
  CHECK(address.ToString() == "https://store.example/os.oci");
}

TEST_CASE("ParseWebAddress: refuses what is no address, and says why", "[registry]") {
  struct Case {
    std::string text;
    std::string says;
  };

  const auto wrong = GENERATE(values<Case>({
      {"ftp://example.com/a", "does not begin with https://"},
      {"https://", "is no host"},
      {"https:///a", "is no host"},
      {"https://a..b/os.oci", "is no host"},
      {"https://example.com:99999999/a", "is no host"},
      {"https://good.example\\.evil.example/a", "is no host"},
      {"https://example.com", "names no file on example.com"},
      {"https://example.com?a", "names no file on example.com"},
      {"https://example.com/my os.oci", "%20 for a space"},
      {"https://example.com/a#part", "must be written as %XX"},
      {"https://example.com/a\r\nX-Header: b", "must be written as %XX"},
      {"https://example.com/" + std::string(9000, 'a'), "longer than 8192 characters"},
  }));
  INFO(wrong.text);
  CHECK_THROWS_WITH(ParseWebAddress(wrong.text), Contains(wrong.says));
}

TEST_CASE("ParseWebAddress: a password is refused and not repeated", "[registry]") {
  try {
    ParseWebAddress("https://me:geheim@example.com/a");
    FAIL("it was taken");
  } catch (const ros::Error& error) {
    CHECK(error.kind() == ros::ErrorKind::kUsage);
    CHECK_THAT(error.message(), Contains("/etc/ros/auth.json"));
    CHECK_THAT(error.message(), !Contains("geheim"));
  }
}

TEST_CASE("LooksLikeWebAddress: neither a path nor a reference is one", "[registry]") {
  CHECK(LooksLikeWebAddress("https://example.com/a"));
  CHECK(LooksLikeWebAddress("http://example.com/a"));
  CHECK_FALSE(LooksLikeWebAddress("example.com/a"));
  CHECK_FALSE(LooksLikeWebAddress("./https:/a"));
  CHECK_FALSE(LooksLikeWebAddress("docker://example.com/a"));
}
