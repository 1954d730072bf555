#include "health/boot_arguments.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::health {
namespace {

const std::string kHash(64, 'a');
const std::string kBoot = "11111111-2222-3333-4444-555555555555";
const std::string kRoot = "21111111-2222-3333-4444-55555555555A";
const std::string kState = "31111111-2222-3333-4444-555555555555";

std::string Line(const std::string& more = "") {
  return "BOOT_IMAGE=/a/kernel ros.slot=a ros.boot=" + kBoot + " ros.root=" + kRoot +
         " ros.state=" + kState + " ros.verity=" + kHash +
         ":00ff:2560 ros.fs=erofs ros.watchdog=180 panic=10 systemd.gpt_auto=0 quiet " + more +
         "\n";
}

TEST_CASE("ParseBootArguments: reads a slot's line", "[health]") {
  const auto arguments = ParseBootArguments(Line());
  CHECK(arguments.slot == SlotId::kA);
  CHECK(arguments.boot_partition == kBoot);
  CHECK(arguments.root_partition == "21111111-2222-3333-4444-55555555555a");
  CHECK(arguments.state_partition == kState);
  CHECK(arguments.verity_root_hash == kHash);
  CHECK(arguments.verity_salt == "00ff");
  CHECK(arguments.verity_blocks == 2560);
  CHECK(arguments.root_file_system == "erofs");
  CHECK(arguments.watchdog == std::chrono::seconds(180));
  CHECK_FALSE(arguments.trial);
  CHECK_FALSE(arguments.fell_from);
  CHECK(arguments.wait == std::chrono::seconds(30));
  CHECK(arguments.pause == std::chrono::seconds(60));
}

TEST_CASE("ParseBootArguments: reads what the loader and people add", "[health]") {
  const auto arguments = ParseBootArguments(
      Line("ros.trial=2 ros.fell=b ros.wait=5 ros.wait=7 ros.wait-before-reboot=0 "
           "init=\"/my init\" ros.unknown=1 -- ros.slot=b"));
  CHECK(arguments.slot == SlotId::kA);
  CHECK(arguments.trial == 2);
  CHECK(arguments.fell_from == SlotId::kB);
  CHECK(arguments.wait == std::chrono::seconds(7));
  CHECK(arguments.pause == std::chrono::seconds(0));
  CHECK(arguments.init == "/my init");
}

TEST_CASE("ParseBootArguments: names what is wrong", "[health]") {
  struct Case {
    std::string more;
    std::string message;
  };

  const auto row = GENERATE(values<Case>({
      {"ros.slot=c", "ros.slot=c is not a slot (a or b)"},
      {"ros.slot=", "ros.slot= is missing"},
      {"ros.root=123", "ros.root=123 is not a partition UUID"},
      {"ros.state=31111111-2222-3333-4444x555555555555", "is not a partition UUID"},
      {"ros.verity=abc", "ros.verity=abc is not ROOT-HASH:SALT:BLOCKS"},
      {"ros.verity=" + kHash + ":0:1", "is not ROOT-HASH:SALT:BLOCKS"},
      {"ros.verity=" + kHash + ":00:0", "is not ROOT-HASH:SALT:BLOCKS"},
      {"ros.verity=" + kHash + ":00:99999999999999999999", "is not a number"},
      {"ros.verity=" + std::string(64, 'g') + ":00:1", "is not ROOT-HASH:SALT:BLOCKS"},
      {"ros.fs=../x", "is not the name of a file system"},
      {"ros.trial=10", "ros.trial=10 is not a number from 0 to 9"},
      {"ros.trial=-1", "ros.trial=-1 is not a number from 0 to 9"},
      {"ros.wait=1s", "ros.wait=1s is not a number"},
      {"ros.wait=481", "ros.wait=481 is not a number from 0 to 480"},
      {"ros.fell=x", "ros.fell=x is not a slot"},
  }));
  CHECK_THROWS_WITH(ParseBootArguments(Line(row.more)), Catch::Contains(row.message));
}

TEST_CASE("FindBootArguments: other kernels have none", "[health]") {
  CHECK_FALSE(FindBootArguments("root=/dev/sda1 quiet"));
  CHECK(FindBootArguments(Line())->slot == SlotId::kA);
}

}  // namespace
}  // namespace ros::health
