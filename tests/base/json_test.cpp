#include "base/json.hpp"

#include <catch2/catch.hpp>
#include <ctime>

#include "base/error.hpp"

namespace ros {
namespace {

std::string ParseFailure(std::string_view text) {
  try {
    static_cast<void>(Json::Parse(text, "doc"));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kVerification);
    return error.message();
  }
  return "parsed";
}

TEST_CASE("Json: reads what it writes, in order", "[base]") {
  Json json;
  json.Set("z", 1).Set("a", "text").Set("list", Json::MakeArray().Append(true).Append(Json()));
  json.Set("z", std::uint64_t{2});
  CHECK(json.Dump() == R"({"z":2,"a":"text","list":[true,null]})");
  CHECK(Json::Parse(json.Dump(), "doc") == json);
  CHECK(Json::Parse(json.DumpPretty(), "doc") == json);
}

TEST_CASE("Json: faults name their place", "[base]") {
  CHECK_THAT(ParseFailure("{\"a\":\n oops}"), Catch::StartsWith("doc: line 2, column 2"));
  CHECK_THAT(ParseFailure("{\"a\":1,\"a\":2}"), Catch::Contains("\"a\" is there twice"));
  CHECK_THAT(ParseFailure("1 2"), Catch::Contains("not valid JSON"));
  CHECK_THAT(ParseFailure(std::string(40, '[') + std::string(40, ']')),
             Catch::Contains("nested deeper than 32"));
  CHECK_THROWS_AS(Json::Parse("99999999999999999999", "doc").AsUint("doc"), Error);
  CHECK_THAT(ParseFailure("\"\xff\""), Catch::Contains("not valid JSON"));
  CHECK_THAT(ParseFailure(""), Catch::Contains("not valid JSON"));
}

TEST_CASE("Json: a fault does not quote what it found", "[base]") {
  for (const auto* text : {"{\"a\x9b[31m\": 1}", "{\"a\":tru\x9b}", "{\"a\":\x1b[31m}"}) {
    const auto failure = ParseFailure(text);
    CHECK_THAT(failure, Catch::StartsWith("doc: line 1, column "));
    CHECK(failure.find_first_of("\x9b\x1b") == std::string::npos);
  }
}

TEST_CASE("Json: a key that is there twice is told at no length", "[base]") {
  const std::string key(100'000, 'k');
  const auto failure = ParseFailure("{\"" + key + "\":1,\"" + key + "\":2}");
  CHECK_THAT(failure, Catch::Contains("is there twice"));
  CHECK(failure.size() < 200);
  CHECK_THAT(ParseFailure("{\"\\u001b[31m\":1,\"\\u001b[31m\":2}"), Catch::Contains("\"?[31m\""));
}

// What may lie in an index or a manifest before anything is verified: 256 KiB of keys. Each looked
// for in all before it takes seconds.
TEST_CASE("Json: many keys take no time", "[base]") {
  std::string text = "{";
  while (text.size() < (256U << 10U)) {
    text += "\"" + std::to_string(text.size()) + "\":1,";
  }
  text.back() = '}';
  const auto begin = std::clock();
  CHECK(Json::Parse(text, "doc").AsObject("doc").size() > 20'000);
  CHECK((std::clock() - begin) / CLOCKS_PER_SEC < 1);
}

TEST_CASE("Json: a wrong shape names the path", "[base]") {
  const auto json = Json::Parse(R"({"n":-1,"s":"x"})", "doc");
  CHECK_THROWS_WITH(json.At("n", "doc").AsUint("doc.n"),
                    "doc.n: expected a number that is not negative");
  CHECK_THROWS_WITH(json.At("m", "doc"), "doc: the key \"m\" is missing");
  CHECK_THROWS_WITH(json.At("s", "doc").AsObject("doc.s"), "doc.s: expected an object");
  CHECK(json.Find("m", "doc") == nullptr);
}

}  // namespace
}  // namespace ros
