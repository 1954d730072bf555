#include "base/json.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  const auto json = Json::Parse(AsText(input), "the document");
  const auto text = json.Dump();
  Expect(Json::Parse(text, "the dump") == json, "what is written is read back the same");
  Expect(Json::Parse(json.DumpPretty(), "the pretty dump") == json, "so it is when indented");
}

std::vector<Seed> Seeds() {
  return {{"object", R"({"a":[1,-2,3.5e10,true,false,null,"b\u00e9\n\"c"],"d":{"e":{}}})"},
          {"scalar", "\"\\ud83d\\ude00\""},
          {"deep", std::string(32, '[') + std::string(32, ']')},
          {"integers", "[9223372036854775807,-9223372036854775808,0,1e308,0.1]"},
          {"twice", R"({"a":1,"a":2})"}};
}

}  // namespace ros::fuzz
