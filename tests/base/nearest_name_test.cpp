#include "base/nearest_name.hpp"

#include <array>
#include <catch2/catch.hpp>

namespace ros {
namespace {

TEST_CASE("NearestName: finds what was meant, and nothing where nothing is near", "[base]") {
  const std::array<std::string_view, 3> known = {"install", "status", "os"};
  CHECK(NearestName("instal", known) == "install");
  CHECK(NearestName("statsu", known) == "status");
  CHECK(NearestName("bogus", known).empty());
  CHECK(NearestName("is", known).empty());
  CHECK(NearestName(std::string(1 << 20, 'x'), known).empty());
}

}  // namespace
}  // namespace ros
