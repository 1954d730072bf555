#include "init/verity_device.hpp"

#include <catch2/catch.hpp>

namespace ros::init {
namespace {

TEST_CASE("VerityParameters: are those of the kernel's target", "[init]") {
  VerityTable table{.device = "8:3", .blocks = 2560, .root_hash = "ab", .salt = "00ff"};
  CHECK(VerityParameters(table) == "1 8:3 8:3 4096 4096 2560 2560 sha256 ab 00ff");
  table.on_corruption = OnCorruption::kRestart;
  CHECK(VerityParameters(table) ==
        "1 8:3 8:3 4096 4096 2560 2560 sha256 ab 00ff 1 restart_on_corruption");
  table.salt.clear();
  CHECK(VerityParameters(table) ==
        "1 8:3 8:3 4096 4096 2560 2560 sha256 ab - 1 restart_on_corruption");
}

}  // namespace
}  // namespace ros::init
