#include "bootloader/syslinux_adv.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::bootloader {
namespace {

std::string Refusal(const std::string& sector) {
  try {
    ParseAdv(AsBytes(sector));
  } catch (const Error& error) {
    return error.message();
  }
  return "taken";
}

// Changes bytes and makes the checksum fit again, as an attacker would.
std::string Forged(const std::string& data) {
  auto sector = FormatAdv({});
  sector.replace(8, data.size(), data);
  const auto bytes = AsWritableBytes(sector);
  std::uint32_t sum = 0xa3041767;
  for (std::size_t at = 8; at < 508; at += 4) {
    sum -= LoadLe32(bytes, at);
  }
  StoreLe32(bytes, 4, sum);
  return sector;
}

}  // namespace

TEST_CASE("FormatAdv: as syslinux lays it out", "[bootloader]") {
  // What `extlinux --once=b` leaves, but for the padding.
  const auto sector = FormatAdv({{kAdvBootOnce, "b"}});
  REQUIRE(sector.size() == kAdvSize);
  CHECK(ToHex(AsBytes(sector).first(4)) == "a52f2d5a");
  CHECK(sector.substr(8, 4) == std::string("\1\1b\0", 4));
  CHECK(ToHex(AsBytes(sector).subspan(508)) == "64bf28dd");
}

TEST_CASE("ParseAdv: reads what FormatAdv writes", "[bootloader]") {
  const AdvTags tags = {
      {kAdvBootOnce, "b ros.trial=2"}, {kAdvRosState, "a,b,3,0"}, {0xff, std::string(255, 'x')}};
  CHECK(ParseAdv(AsBytes(FormatAdv(tags))) == tags);
  CHECK(ParseAdv(AsBytes(FormatAdv({}))).empty());
}

TEST_CASE("FormatAdv: refuses what does not fit", "[bootloader]") {
  CHECK_THROWS_AS(FormatAdv({{1, ""}}), Error);
  CHECK_THROWS_AS(FormatAdv({{0, "x"}}), Error);
  CHECK_THROWS_AS(FormatAdv({{1, std::string(256, 'x')}}), Error);
  CHECK_THROWS_AS(FormatAdv({{1, std::string(250, 'x')}, {2, std::string(250, 'x')}}), Error);
}

TEST_CASE("ParseAdv: says what is damaged", "[bootloader]") {
  const auto sound = FormatAdv({{kAdvBootOnce, "b"}});
  for (std::size_t at = 0; at < kAdvSize; ++at) {
    auto damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK(Refusal(damaged) != "taken");
  }
  CHECK(Refusal(std::string(512, '\0')) ==
        "it does not start and end with syslinux's magic numbers");
  CHECK(Refusal("short") == "it has 5 bytes and must have 512");
  CHECK(Refusal(Forged("\1\1b\1\1c")) == "tag 1 is there twice");
  CHECK(Refusal(Forged(std::string(498, '\2').replace(0, 3, "\2\xff"))) != "taken");
  std::string to_the_end;
  to_the_end += std::string("\1\xff") + std::string(255, 'x');
  to_the_end += std::string("\2\xf1") + std::string(241, 'x');
  CHECK(ParseAdv(AsBytes(Forged(to_the_end))).size() == 2);
  to_the_end[258] = '\xf2';
  CHECK(Refusal(Forged(to_the_end)) == "tag 2 is longer than the sector");
  // A tag without a length, at the very end.
  to_the_end = std::string("\1\xff") + std::string(255, 'x') + std::string("\2\xf0") +
               std::string(240, 'x') + "\3";
  CHECK(Refusal(Forged(to_the_end)) == "tag 3 is longer than the sector");
}

}  // namespace ros::bootloader
