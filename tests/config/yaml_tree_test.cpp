#include "config/yaml_tree.hpp"

#include <catch2/catch.hpp>

#include "tests/config/errors.hpp"

using ros::config::EmitYaml;
using ros::config::MergeYaml;
using ros::config::ParseYaml;
using ros::config::YamlLimits;
using ros::config::YamlTree;

namespace {

std::string Refusal(const std::string& text, const YamlLimits& limits = {}) {
  return UsageErrorOf([&] { ParseYaml(text, "c.yml", limits); });
}

bool Same(const YamlTree& a, const YamlTree& b) {
  if (a.kind != b.kind || a.text != b.text || a.tag != b.tag || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size()) {
    return false;
  }
  for (std::size_t at = 0; at < a.items.size(); ++at) {
    if (!Same(a.items[at], b.items[at])) {
      return false;
    }
  }
  for (std::size_t at = 0; at < a.members.size(); ++at) {
    if (a.members[at].key != b.members[at].key || !Same(a.members[at].value, b.members[at].value)) {
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("ParseYaml: values, their kinds and their places", "[config]") {
  const auto tree = ParseYaml("a: 1\nb:\n  - x\n  - 'y'\nc: ~\nd:\n", "c.yml");
  REQUIRE(tree.IsMap());
  REQUIRE(tree.members.size() == 4);
  CHECK(tree.Find("a")->text == "1");
  const auto& list = *tree.Find("b");
  REQUIRE(list.IsList());
  CHECK(list.items[0].style == YamlTree::Style::kPlain);
  CHECK(list.items[1].style == YamlTree::Style::kQuoted);
  CHECK(list.items[1].place.line == 4);
  CHECK(list.items[1].place.column == 5);
  CHECK(tree.Find("c")->IsNull());
  CHECK(tree.Find("d")->IsNull());
  CHECK(tree.Find("e") == nullptr);
  CHECK(ParseYaml("", "c.yml").IsNull());
  CHECK(ParseYaml("# only a comment\n", "c.yml").IsNull());
}

TEST_CASE("ParseYaml: text that is not YAML is refused with its place", "[config]") {
  CHECK_THAT(Refusal("a: [1, 2\nb: 3\n"),
             Catch::Matchers::Matches("c.yml:[12]:.*not valid YAML: .*"));
  const std::string open_quote = "not valid YAML: a quoted string that does not end";
  CHECK(Refusal("a: 'open\n") == "c.yml:1:4: " + open_quote);
  CHECK(Refusal("ü: ü\na: \"open \\\"\n") == "c.yml:2:4: " + open_quote);
  CHECK(Refusal("a: !!str &x 'it''s\n") == "c.yml:1:4: " + open_quote);
  CHECK(Refusal("\xef\xbb\xbf"
                "a: !!str &x 'it''s'") == "");
  CHECK(Refusal("ü: \"a \\\" b\"\nb: ''") == "");
  CHECK_THAT(Refusal("a: b: c\n"), Catch::StartsWith("c.yml:1:5: not valid YAML: "));
  CHECK_THAT(Refusal("a: *nobody\n"), Catch::StartsWith("c.yml:1:"));
}

TEST_CASE("ParseYaml: what YAML would allow and a configuration does not", "[config]") {
  CHECK(Refusal("a: 1\nb: 2\na: 3\n") == "c.yml:3:1: the key \"a\" is there twice");
  CHECK(Refusal("? [x]\n: 1\n") == "c.yml:1:3: a key must be a plain word or a string");
  CHECK_THAT(Refusal("a: 1\n---\nb: 2\n"), Catch::Contains("a second YAML document"));
  CHECK(Refusal("a: !evil x\n") == "c.yml:1:4: the tag !evil is not known");
  CHECK(Refusal("a: &a [*a]\n") == "c.yml:1:8: an alias inside of the value that it stands for");
  CHECK(Refusal("a: b\nc: \xff\n") == "c.yml:2:4: bytes that are not UTF-8");
  CHECK(Refusal("a: \xc0\x80\n") == "c.yml:1:4: bytes that are not UTF-8");
  CHECK(Refusal("a: b\x04 c\n") == "c.yml:1:5: a control character");
  CHECK(Refusal(std::string("a: b\0c\n", 7)) == "c.yml:1:5: a control character");
}

TEST_CASE("ParseYaml: limits hold while the text is read", "[config]") {
  YamlLimits limits;
  limits.size = 10;
  CHECK(Refusal("a: 0123456789\n", limits) ==
        "c.yml: 14 bytes is more than the 10 bytes that a configuration may have");
  CHECK_THAT(Refusal(std::string(100'000, '[')), Catch::Contains("nested deeper than 32 levels"));
  CHECK_THAT(Refusal(std::string(100'000, '{')), Catch::Contains("nested deeper than 32 levels"));
  std::string dashes;
  for (int i = 0; i < 1000; ++i) {
    dashes += "- ";
  }
  CHECK_THAT(Refusal(dashes), Catch::Contains("nested deeper than 32 levels"));
}

TEST_CASE("ParseYaml: a billion laughs are refused", "[config]") {
  std::string bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int level = 1; level < 12; ++level) {
    const auto below = "*a" + std::to_string(level - 1);
    bomb += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + below;
    for (int i = 1; i < 10; ++i) {
      bomb += ", " + below;
    }
    bomb += "]\n";
  }
  CHECK_THAT(Refusal(bomb), Catch::Contains("too much once all aliases are expanded"));

  std::string wide = "a: &a " + std::string(100'000, 'x') + "\nb:\n";
  for (int i = 0; i < 1000; ++i) {
    wide += "  - *a\n";
  }
  CHECK_THAT(Refusal(wide), Catch::Contains("too much once all aliases are expanded"));
}

TEST_CASE("ParseYaml: aliases and merge keys become plain values", "[config]") {
  const auto tree = ParseYaml(
      "base: &base {owner: root, mode: 1}\n"
      "file:\n  <<: *base\n  mode: 2\n"
      "both:\n  <<: [{a: 1}, {a: 2, b: 3}]\n",
      "c.yml");
  CHECK(EmitYaml(*tree.Find("file")) == "mode: 2\nowner: root\n");
  CHECK(EmitYaml(*tree.Find("both")) == "a: 1\nb: 3\n");
  CHECK(Refusal("a:\n  <<: text\n") == "c.yml:2:7: \"<<\" takes a map or a list of maps");
}

TEST_CASE("EmitYaml: reads back to the same tree", "[config]") {
  const std::string text =
      "plain: word\nquoted: 'true'\nnumber: 0644\nnull_text: 'null'\nempty: ''\nnothing: ~\n"
      "literal: |\n  one\n    two\n\n  three\nkeep: |+\n  end\n\n\nstrip: |-\n  no newline\n"
      "leading: \"\\n  x\\n\"\ncolon: 'a: b'\nhash: 'a #b'\nunicode: 'grün 🙂'\nquote: '\"'\n"
      "tab: \"a\\tb\\n\"\nempty_list: []\nempty_map: {}\nlist:\n- - a\n  - [b]\n- {c: d}\n"
      "- |\n  in a list\n  two lines\nbinary: !!binary Zm9v\n'key: with colon': 1\n'': 2\n";
  const auto tree = ParseYaml(text, "c.yml");
  const auto emitted = EmitYaml(tree);
  INFO(emitted);
  CHECK(Same(tree, ParseYaml(emitted, "emitted")));
  // A string stays a string for readers that know types.
  CHECK_THAT(emitted, Catch::Contains("quoted: \"true\""));
  CHECK_THAT(emitted, Catch::Contains("number: 0644"));
}

TEST_CASE("EmitYaml: a carriage return in a word is not the end of its line", "[config]") {
  for (const std::string text : {"a: b\rc\n", "a: b,\r:c ,\r\n", "a\rb: c\n"}) {
    const auto tree = ParseYaml(text, "c.yml");
    const auto emitted = EmitYaml(tree);
    INFO(emitted);
    CHECK(emitted.find('\r') == std::string::npos);
    CHECK(Same(tree, ParseYaml(emitted, "emitted")));
  }
}

TEST_CASE("EmitYaml: a text that begins as a document mark is quoted", "[config]") {
  for (const std::string text :
       {"'--- a'\n", "a: |\n  ...\n  b", "\"---\"\n", "--- |\n  ---\n  b\n"}) {
    const auto tree = ParseYaml(text, "c.yml");
    const auto emitted = EmitYaml(tree);
    INFO(emitted);
    CHECK(Same(tree, ParseYaml(emitted, "emitted")));
  }
  CHECK(EmitYaml(ParseYaml("a: ---b\n", "c.yml")) == "a: ---b\n");
}

TEST_CASE("ParseYaml: noncharacters are refused, as they are not written back", "[config]") {
  for (const std::string text :
       {"a: \xef\xbf\xbf\n", "\xef\xb7\x90: 1\n", "a: \"\\ufffe\"\n", "a: \xf4\x8f\xbf\xbe\n"}) {
    INFO(text);
    CHECK_THROWS_WITH(ParseYaml(text, "c.yml"), Catch::Contains("Unicode gives no meaning"));
  }
  for (const std::string text :
       {"\xef\xbf\xbd", "\xef\xb7\x8f", "\xef\xb7\xb0", "\xf0\x9f\x98\x80"}) {
    CHECK(ParseYaml("a: " + text + "\n", "c.yml").Find("a")->text == text);
  }
}

TEST_CASE("ParseYaml: a tag that is not of its value is refused", "[config]") {
  for (const std::string text : {"a: !!int ~\n", "a: !!bool\n", "a: !!null x\n"}) {
    INFO(text);
    CHECK_THROWS_WITH(ParseYaml(text, "c.yml"), Catch::Contains("not of this value"));
  }
  CHECK(ParseYaml("a: !!null ~\n", "c.yml").Find("a")->IsNull());
  CHECK(ParseYaml("a: !!int 12\n", "c.yml").Find("a")->text == "12");
}

TEST_CASE("EmitYaml: a key that is the word << stays one", "[config]") {
  const auto tree = ParseYaml("'<<': {a: 1}\n", "c.yml");
  CHECK(Same(tree, ParseYaml(EmitYaml(tree), "emitted")));
  CHECK(tree.Find("<<") != nullptr);
}

TEST_CASE("ParseYaml: an escape that the parser gets wrong is refused", "[config]") {
  // yaml-cpp makes the byte 0xa0 of it, and YAML means U+00A0.
  CHECK_THROWS_WITH(ParseYaml("a: \"x\\_y\"\n", "c.yml"), Catch::Contains("c.yml:1:4: an escape"));
  CHECK(ParseYaml("a: \"\\u00a0\"\n", "c.yml").Find("a")->text == "\xc2\xa0");
}

TEST_CASE("MergeYaml: maps member by member, anything else replaces", "[config]") {
  const auto under = ParseYaml("a: {x: 1, y: {z: 2}}\nl: [1, 2]\ns: old\n", "under");
  const auto over = ParseYaml("a: {y: {w: 3}}\nl: [3]\nn: {new: 1}\n", "over");
  CHECK(EmitYaml(MergeYaml(under, over)) ==
        "a:\n  x: 1\n  y:\n    z: 2\n    w: 3\nl:\n  - 3\ns: old\nn:\n  new: 1\n");
}
