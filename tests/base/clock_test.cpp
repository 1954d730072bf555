#include "base/clock.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros {
namespace {

TEST_CASE("Time: is written and read in one form", "[base]") {
  CHECK(FormatTime(0) == "1970-01-01T00:00:00Z");
  CHECK(ParseTime("2026-03-01T12:00:00Z") == 1772366400);
  CHECK(FormatTime(ParseTime("2026-03-01T12:00:00Z")) == "2026-03-01T12:00:00Z");
  CHECK_THROWS_AS(ParseTime("yesterday"), Error);
  CHECK_THROWS_AS(ParseTime("2026-03-01T12:00:00Zx"), Error);
  CHECK_THROWS_AS(ParseTime(std::string_view("2026-03-01T12:00:00Z\0x", 22)), Error);
  CHECK_THROWS_WITH(ParseTime(std::string(100'000, '\x1b')), Catch::StartsWith("\"????"));
}

TEST_CASE("ParseDuration: takes seconds, minutes and hours", "[base]") {
  CHECK(ParseDuration("90") == std::chrono::seconds(90));
  CHECK(ParseDuration("20s") == std::chrono::seconds(20));
  CHECK(ParseDuration("5m") == std::chrono::minutes(5));
  CHECK(ParseDuration("2h") == std::chrono::hours(2));
  for (const auto* text : {"", "s", "-1", "5 m", "5d", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ParseDuration(text), Error);
  }
}

}  // namespace
}  // namespace ros
