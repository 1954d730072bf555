#include "delta/packed_row.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/delta/support/changed_program.hpp"

using namespace ros;
using namespace ros::delta;
using fakes::MakeNoise;
using fakes::MakeProgram;

namespace {

constexpr Bytes kPart = 8192;

// A program, bytes that cannot be packed, zeros, and the program again.
std::string MakeText() {
  const auto program = MakeProgram(100'000, 1);
  return program + MakeNoise(30'000, 1) + std::string(20'000, '\0') + program + "and a little";
}

}  // namespace

TEST_CASE("PackParts: each part is unpacked by what is in front of it alone", "[delta]") {
  const auto text = MakeText();
  const auto parts = PackParts(AsBytes(text), kPart);
  REQUIRE(parts.size() == text.size() / kPart + 1);
  Bytes packed = 0;
  for (auto i = parts.size(); i-- > 0;) {
    const auto expected = text.substr(i * kPart, kPart);
    REQUIRE(UnpackPart(parts[i], expected.size(), AsBytes(text).first(i * kPart)) == expected);
    packed += parts[i].size();
  }
  // The second program costs next to nothing.
  CHECK(packed < PackRow(text.substr(0, 130'000), {}, 1U << 20U).size() * 5 / 4);
  CHECK(PackParts(AsBytes(text), kPart) == parts);
  CHECK(PackParts({}, kPart).empty());
}

TEST_CASE("UnpackPart: refuses what is damaged or of another length", "[delta]") {
  const auto text = MakeText();
  const auto parts = PackParts(AsBytes(text), kPart);
  const auto in_front = AsBytes(text).first(kPart);
  const auto refuses = [&](const std::string& part, Bytes length) {
    CHECK_THROWS_AS(UnpackPart(part, length, in_front), Error);
  };
  refuses(parts[1], kPart - 1);
  refuses(parts[1], kPart + 1);
  refuses(parts[1].substr(0, parts[1].size() / 2), kPart);
  refuses(parts[1] + "x", kPart);
  refuses("", kPart);
}
