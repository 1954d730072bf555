#include "registry/mirrors.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using Catch::Contains;
using ros::ErrorKind;
using ros::registry::Endpoint;
using ros::registry::Mirrors;
using ros::registry::MirrorTable;
using ros::registry::ParseEndpoint;
using ros::registry::RepositoryBelow;

TEST_CASE("ParseEndpoint: what a URL means", "[registry]") {
  CHECK(ParseEndpoint("https://mirror.example") ==
        Endpoint{.host = "mirror.example", .plain_http = false, .root = "/v2"});
  CHECK(ParseEndpoint("http://[::1]:5000/") ==
        Endpoint{.host = "[::1]:5000", .plain_http = true, .root = "/v2"});
  CHECK(ParseEndpoint("https://mirror.example/v2/").root == "/v2");
  CHECK(ParseEndpoint("https://mirror.example/v2/proxy").root == "/v2/proxy");
  CHECK(ParseEndpoint("https://mirror.example/artifactory/os").root == "/artifactory/os");
  CHECK(RepositoryBelow(ParseEndpoint("https://mirror.example"), "team/os") == "team/os");
  CHECK(RepositoryBelow(ParseEndpoint("https://mirror.example/v2/a/b"), "os") == "a/b/os");
  CHECK(RepositoryBelow(ParseEndpoint("https://mirror.example/v2x"), "os") == "v2x/os");
}

TEST_CASE("ParseEndpoint: what is none", "[registry]") {
  for (const auto& [url, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "https:// or http://"},
           {"mirror.example", "https:// or http://"},
           {"ftp://mirror.example", "https:// or http://"},
           {"https://", "HOST or HOST:PORT"},
           {"https:///v2", "HOST or HOST:PORT"},
           {"https://a b", "HOST or HOST:PORT"},
           {"https://mirror.example:port", "HOST or HOST:PORT"},
           {"https://mirror.example?x", "HOST or HOST:PORT"},
           {"https://me:secret@mirror.example", "auth.json"},
           {"https://mirror.example/v2?x=y", "its path"},
           {"https://mirror.example/v2#x", "its path"},
           {"https://mirror.example/%2e", "its path"},
           {"https://mirror.example/v2//x", "its path"},
           {"https://mirror.example/../x", "its path"},
           {"https://mirror.example/v2/..", "its path"},
           {"https://mirror.example/" + std::string(300, 'a'), "longer than 255"}}) {
    CAPTURE(url);
    try {
      ParseEndpoint(url);
      FAIL("it was taken");
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ErrorKind::kUsage);
      CHECK_THAT(error.message(), Contains(why));
    }
  }
}

TEST_CASE("Mirrors: a registry's own count, else those of all", "[registry]") {
  int reads = 0;
  Mirrors mirrors([&] {
    ++reads;
    return MirrorTable{{"a.example", {ParseEndpoint("https://one.example")}},
                       {"b.example", {}},
                       {"*", {ParseEndpoint("https://two.example")}}};
  });
  CHECK(reads == 0);
  CHECK(mirrors.Of("a.example").at(0).host == "one.example");
  CHECK(mirrors.Of("b.example").empty());
  CHECK(mirrors.Of("c.example").at(0).host == "two.example");
  CHECK(reads == 1);
}
