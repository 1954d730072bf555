#include "registry/challenge.hpp"

#include <catch2/catch.hpp>

using ros::registry::Challenge;
using ros::registry::ParseChallenges;

TEST_CASE("ParseChallenges: reads schemes and their parameters", "[registry]") {
  const auto one = ParseChallenges(
      R"(Bearer realm="https://auth.example/token", service="a \"b\"",scope="repository:os:pull,push")");
  REQUIRE(one.size() == 1);
  CHECK(one[0] == Challenge{"bearer",
                            {{"realm", "https://auth.example/token"},
                             {"service", "a \"b\""},
                             {"scope", "repository:os:pull,push"}}});

  const auto two = ParseChallenges("Basic realm=\"x, y\" , , NEGOTIATE, Bearer Realm=z");
  REQUIRE(two.size() == 3);
  CHECK(two[0] == Challenge{"basic", {{"realm", "x, y"}}});
  CHECK(two[1] == Challenge{"negotiate", {}});
  CHECK(two[2] == Challenge{"bearer", {{"realm", "z"}}});
}

TEST_CASE("ParseChallenges: a token68 is passed over, and what follows is read", "[registry]") {
  const std::vector<Challenge> two = {{"ntlm", {}}, {"basic", {{"realm", "x"}}}};
  CHECK(ParseChallenges("NTLM TlRMTVNTUA==, Basic realm=x") == two);
  CHECK(ParseChallenges("NTLM TlRMTVNTU=, Basic realm=x") == two);
  CHECK(ParseChallenges("NTLM a=") == std::vector<Challenge>{{"ntlm", {}}});
}

TEST_CASE("ParseChallenges: what is malformed ends it", "[registry]") {
  CHECK(ParseChallenges("").empty());
  CHECK(ParseChallenges("realm=\"x\"").empty());
  CHECK(ParseChallenges("Bearer realm=\"no end").front() == Challenge{"bearer", {}});
  CHECK(ParseChallenges("Bearer \x01, Basic") == std::vector<Challenge>{{"bearer", {}}});
}
