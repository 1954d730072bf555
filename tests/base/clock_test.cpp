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
}

}  // namespace
}  // namespace ros
