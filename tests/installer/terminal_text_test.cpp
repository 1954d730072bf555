#include "installer/terminal_text.hpp"

#include <catch2/catch.hpp>

namespace ros::installer {

TEST_CASE("TerminalText: shows text, and nothing that a terminal acts upon", "[installer]") {
  struct Case {
    std::string text;
    std::string shown;
  };

  const auto row = GENERATE(values<Case>({
      {"", ""},
      {"writing /boot\n\tdone", "writing /boot\n\tdone"},
      {"Gr\xc3\xbc\xc3\x9f"
       "e, \xe2\x82\xac, \xf0\x9f\x9a\x80",
       "Gr\xc3\xbc\xc3\x9f"
       "e, \xe2\x82\xac, \xf0\x9f\x9a\x80"},
      {"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"},
      {"\x1b[2J\x1b]0;title\x07", "?[2J?]0;title?"},
      {"\x1b[31", "?[31"},
      {"a\rb\bc\x7f", "a?b?c?"},
      {"\x9b"
       "31m",
       "?31m"},
      {"\xc2\x9b"
       "31m",
       "??31m"},
      {"cut \xe2\x82", "cut ??"},
      {"\xc0\xaf\xff", "???"},
  }));
  CHECK(TerminalText(row.text) == row.shown);
}

}  // namespace ros::installer
