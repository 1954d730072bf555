#include "config/upgrade_window.hpp"

#include <catch2/catch.hpp>

#include "tests/config/errors.hpp"

using ros::FormatTime;
using ros::ParseTime;
using ros::config::FindOpening;
using ros::config::NextOpening;
using ros::config::ParseUpgradeWindow;

namespace {

// "FROM UNTIL" of the opening that a time is in, "closed NEXT" where there is none.
std::string At(const std::string& window, const std::string& time) {
  const auto parsed = ParseUpgradeWindow(window);
  const auto now = ParseTime(time);
  const auto opening = FindOpening(parsed, now);
  return opening ? FormatTime(opening->from) + " " + FormatTime(opening->until)
                 : "closed " + FormatTime(NextOpening(parsed, now));
}

}  // namespace

TEST_CASE("ParseUpgradeWindow: days and times", "[config]") {
  const auto window = ParseUpgradeWindow("Mon-Wed,Sun 02:30-04:00");
  CHECK(window.days == std::array<bool, 7>{true, true, true, false, false, false, true});
  CHECK(window.from == 150);
  CHECK(window.until == 240);
  CHECK(ParseUpgradeWindow("Sat-Mon 02:30-04:00").days ==
        std::array<bool, 7>{true, false, false, false, false, true, true});
  CHECK(ParseUpgradeWindow("Sun-Sun 02:30-04:00").days ==
        std::array<bool, 7>{false, false, false, false, false, false, true});
  CHECK(ParseUpgradeWindow("00:00-24:00").until == 24 * 60);
  CHECK(ParseUpgradeWindow("always").always);
}

TEST_CASE("ParseUpgradeWindow: refuses all else", "[config]") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "there is no time with a -"},
      {"02:00", "there is no time with a -"},
      {"Mon-Fri", "\"Mon\" is no time of day"},
      {"2:00-4:00", "\"2:00\" is no time of day"},
      {"02:00-04:60", "\"04:60\" is no time of day"},
      {"02:00-25:00", "\"25:00\" is no time of day"},
      {"02:00-24:01", "\"24:01\" is no time of day"},
      {"02:00-04:00 ", "is none of Mon"},
      {" 02:00-04:00", "is none of Mon"},
      {"Mon  02:00-04:00", "is no time of day"},
      {"mon 02:00-04:00", "\"mon\" is none of Mon"},
      {"Mon, 02:00-04:00", "\"\" is none of Mon"},
      {"Mon- 02:00-04:00", "\"\" is none of Mon"},
      {"02:00-04:00 UTC", "is none of Mon"},
      {"02:00-02:00", "must not end when it begins"},
      {"24:00-02:00", "must begin before 24:00"},
      {"02:00-02:59", "shorter than an hour"},
      {"23:30-00:15", "shorter than an hour"},
      {"Always", "there is no time with a -"},
      {"+2:00-04:00", "is no time of day"},
  };
  for (const auto& [text, says] : cases) {
    INFO(text);
    CHECK_THAT(UsageErrorOf([&, given = text] { ParseUpgradeWindow(given); }),
               Catch::Contains(says) && Catch::Contains("Mon-Fri 02:00-04:00"));
  }
}

// 2026-03-01 is a Sunday.
TEST_CASE("FindOpening: within a day", "[config]") {
  CHECK(At("02:00-04:00", "2026-03-01T01:59:59Z") == "closed 2026-03-01T02:00:00Z");
  CHECK(At("02:00-04:00", "2026-03-01T02:00:00Z") == "2026-03-01T02:00:00Z 2026-03-01T04:00:00Z");
  CHECK(At("02:00-04:00", "2026-03-01T03:59:59Z") == "2026-03-01T02:00:00Z 2026-03-01T04:00:00Z");
  CHECK(At("02:00-04:00", "2026-03-01T04:00:00Z") == "closed 2026-03-02T02:00:00Z");
  CHECK(At("00:00-24:00", "2026-03-01T23:59:59Z") == "2026-03-01T00:00:00Z 2026-03-02T00:00:00Z");
}

TEST_CASE("FindOpening: over midnight belongs to the day on which it opens", "[config]") {
  CHECK(At("22:00-05:00", "2026-03-01T23:00:00Z") == "2026-03-01T22:00:00Z 2026-03-02T05:00:00Z");
  CHECK(At("22:00-05:00", "2026-03-02T00:00:00Z") == "2026-03-01T22:00:00Z 2026-03-02T05:00:00Z");
  CHECK(At("22:00-05:00", "2026-03-02T04:59:59Z") == "2026-03-01T22:00:00Z 2026-03-02T05:00:00Z");
  CHECK(At("22:00-05:00", "2026-03-02T05:00:00Z") == "closed 2026-03-02T22:00:00Z");
  // Over the end of a month, a leap day, a year.
  CHECK(At("23:00-01:00", "2028-02-29T00:30:00Z") == "2028-02-28T23:00:00Z 2028-02-29T01:00:00Z");
  CHECK(At("23:00-01:00", "2027-01-01T00:30:00Z") == "2026-12-31T23:00:00Z 2027-01-01T01:00:00Z");
  // Until midnight sharp.
  CHECK(At("22:00-00:00", "2026-03-01T23:59:59Z") == "2026-03-01T22:00:00Z 2026-03-02T00:00:00Z");
  CHECK(At("22:00-00:00", "2026-03-02T00:00:00Z") == "closed 2026-03-02T22:00:00Z");
}

TEST_CASE("FindOpening: on days of the week", "[config]") {
  CHECK(At("Mon-Fri 02:00-04:00", "2026-03-01T03:00:00Z") == "closed 2026-03-02T02:00:00Z");
  CHECK(At("Mon-Fri 02:00-04:00", "2026-03-02T03:00:00Z") ==
        "2026-03-02T02:00:00Z 2026-03-02T04:00:00Z");
  CHECK(At("Mon-Fri 02:00-04:00", "2026-03-06T05:00:00Z") == "closed 2026-03-09T02:00:00Z");
  // Friday's night lasts until Saturday's morning, and Sunday's is none.
  CHECK(At("Fri 22:00-05:00", "2026-03-07T01:00:00Z") ==
        "2026-03-06T22:00:00Z 2026-03-07T05:00:00Z");
  CHECK(At("Fri 22:00-05:00", "2026-03-06T01:00:00Z") == "closed 2026-03-06T22:00:00Z");
  CHECK(At("Sun 22:00-05:00", "2026-03-02T01:00:00Z") ==
        "2026-03-01T22:00:00Z 2026-03-02T05:00:00Z");
}

TEST_CASE("FindOpening: always, and before 1970", "[config]") {
  CHECK(At("always", "2026-03-01T12:34:56Z") == "2026-03-01T00:00:00Z 2026-03-02T00:00:00Z");
  CHECK(At("22:00-05:00", "1969-12-31T23:00:00Z") == "1969-12-31T22:00:00Z 1970-01-01T05:00:00Z");
  CHECK(At("Wed 22:00-23:00", "1969-12-31T22:30:00Z") ==
        "1969-12-31T22:00:00Z 1969-12-31T23:00:00Z");
}
