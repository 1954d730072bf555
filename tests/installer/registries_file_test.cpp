#include "installer/registries_file.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.hpp"

using Catch::Contains;
using ros::ErrorKind;
using ros::installer::ParseRegistries;
using ros::installer::ReadRegistriesFile;

TEST_CASE("ParseRegistries: endpoints by registry, in their order", "[installer]") {
  const auto table = ParseRegistries(R"(
mirrors:
  registry.example:5000:
    endpoint:
      - "https://one.example"
      - http://two.example/v2/proxy
      - https://one.example/v2
  local.example: {endpoint: []}
  "*":
    endpoint: ["http://127.0.0.1:5001"]
)",
                                     "registries.yml");
  CHECK(table.size() == 3);
  const auto& own = table.at("registry.example:5000");
  REQUIRE(own.size() == 2);
  CHECK(own[0].host == "one.example");
  CHECK_FALSE(own[0].plain_http);
  CHECK(own[1].host == "two.example");
  CHECK(own[1].plain_http);
  CHECK(own[1].root == "/v2/proxy");
  CHECK(table.at("local.example").empty());
  CHECK(table.at("*").at(0).host == "127.0.0.1:5001");
  CHECK(ParseRegistries("", "registries.yml").empty());
  CHECK(ParseRegistries("mirrors: {}", "registries.yml").empty());
  CHECK(ParseRegistries("mirrors:", "registries.yml").empty());
  // As k3s has them for a mirror of its own.
  const auto bare = ParseRegistries("mirrors:\n  \"*\":\n  a.example:", "registries.yml");
  CHECK(bare.at("*").empty());
  CHECK(bare.at("a.example").empty());
}

TEST_CASE("ParseRegistries: what is not taken is said with its place", "[installer]") {
  std::string many = "mirrors:\n  a.example:\n    endpoint:\n";
  for (int i = 0; i < 17; ++i) {
    many += "    - https://m" + std::to_string(i) + ".example\n";
  }
  std::string hosts = "mirrors:\n";
  for (int i = 0; i < 201; ++i) {
    hosts += "  h" + std::to_string(i) + ".example: {endpoint: []}\n";
  }
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"[]", "r.yml:1:1: it must be a map"},
           {"mirrors: []", "r.yml:1:10: `mirrors` must be a map"},
           {"configs: {a.example: {auth: {username: me}}}",
            "r.yml:1:1: `configs` is not read here"},
           {"mirrors: {}\nmirror: {}", "r.yml:2:1: unknown key \"mirror\""},
           {"mirrors:\n  https://a.example: {endpoint: []}",
            "\"https://a.example\" is no registry"},
           {"mirrors:\n  a.example: {}", "r.yml:2:3: it must have `endpoint: [URL, ...]`"},
           {"mirrors:\n  a.example: {endpoint: https://m.example}", "it must have `endpoint"},
           {"mirrors:\n  a.example: {endpoint: [], rewrite: {}}", "`rewrite` is not known"},
           {"mirrors:\n  a.example: {endpoint: [], skip: x}", "unknown key \"skip\""},
           {"mirrors:\n  a.example:\n    endpoint: [m.example]", "r.yml:3:16: \"m.example\" is no"},
           {"mirrors:\n  a.example:\n    endpoint: [[]]", "r.yml:3:16: \"\" is no endpoint"},
           {many, "more than 16 endpoints"},
           {hosts, "more than 200 registries"},
           {"mirrors: {", "r.yml:"},
           {std::string(300'000, ' '), "r.yml"}}) {
    CAPTURE(text);
    try {
      ParseRegistries(text, "r.yml");
      FAIL("it was taken");
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ErrorKind::kUsage);
      CHECK_THAT(error.message(), Contains(why));
    }
  }
}

TEST_CASE("ReadRegistriesFile: a file that is named has to be there", "[installer]") {
  ::setenv("ROS_REGISTRIES_FILE", "/nonexistent/registries.yml", 1);
  CHECK_THROWS_WITH(ReadRegistriesFile(),
                    "ROS_REGISTRIES_FILE names /nonexistent/registries.yml, which does not exist");
  const auto other = std::string(300, 'x');
  ::setenv("ROS_REGISTRIES_FILE", other.c_str(), 1);
  CHECK_THROWS_WITH(ReadRegistriesFile(), Contains("opening " + other));
  ::unsetenv("ROS_REGISTRIES_FILE");
}
