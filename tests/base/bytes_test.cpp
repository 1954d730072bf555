#include "base/bytes.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

TEST_CASE("ParseBytes: reads numbers with and without units", "[base]") {
  CHECK(ParseBytes("4096") == 4096);
  CHECK(ParseBytes("512M") == 512_MiB);
  CHECK(ParseBytes("2GiB") == 2_GiB);
  CHECK(ParseBytes("1.5g") == 1536_MiB);
  CHECK(ParseBytes("0") == 0);
}

TEST_CASE("ParseBytes: refuses what is not a size", "[base]") {
  for (const auto* text : {"", "-1", "ten", "5X", "9e300", "99999999999G", "5Gi", "nan"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ParseBytes(text), Error);
  }
}

TEST_CASE("FormatBytes: speaks to people", "[base]") {
  CHECK(FormatBytes(1) == "1 byte");
  CHECK(FormatBytes(17) == "17 bytes");
  CHECK(FormatBytes(512_MiB) == "512 MiB");
  CHECK(FormatBytes(1536_MiB) == "1.5 GiB");
  CHECK(FormatBytes(~Bytes{0}) == "16 EiB");
}

TEST_CASE("CheckedAdd and CheckedMul: refuse to overflow", "[base]") {
  CHECK(CheckedAdd(1, 2, "x") == 3);
  CHECK(CheckedMul(4, 5, "x") == 20);
  CHECK_THROWS_AS(CheckedAdd(~Bytes{0}, 1, "x"), Error);
  CHECK_THROWS_AS(CheckedMul(~Bytes{0}, 2, "x"), Error);
  CHECK_THROWS_AS(RoundUp(~Bytes{0}, 4096), Error);
  CHECK(RoundUp(4097, 4096) == 8192);
  CHECK(RoundDown(4097, 4096) == 4096);
}

TEST_CASE("Hex: there and back", "[base]") {
  CHECK(ToHex(AsBytes("\x01\xff")) == "01ff");
  CHECK(ParseHex("01Ff") == "\x01\xff");
  CHECK_THROWS_AS(ParseHex("0"), Error);
  CHECK_THROWS_AS(ParseHex("0g"), Error);
}

}  // namespace
}  // namespace ros
