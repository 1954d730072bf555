#include "bootloader/syslinux_config.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/support/golden.hpp"

namespace ros::bootloader {
namespace {

constexpr const char* kUuid = "11111111-2222-3333-4444-555555555555";

SlotEntry Entry() {
  return {.slot = SlotId::kB,
          .loader = LoaderKind::kSyslinux,
          .partitions = PartitionIds{.boot = kUuid, .root = kUuid, .state = kUuid},
          .verity_root_hash = std::string(64, 'a'),
          .verity_salt = "0123",
          .verity_data_blocks = 50000,
          .watchdog_seconds = 180,
          .image_arguments = {"console=ttyS0,115200n8"},
          .machine_arguments = {"mitigations=off"}};
}

}  // namespace

TEST_CASE("SyslinuxConfig: the chain", "[bootloader]") {
  for (const auto& [name, text] : SyslinuxConfigs()) {
    testing::CheckGolden("bootloader/syslinux/" + name, text);
  }
}

TEST_CASE("SyslinuxConfig: a slot's entry", "[bootloader]") {
  testing::CheckGolden("bootloader/syslinux/slot.cfg", SlotSyslinuxConfig(Entry()));
}

TEST_CASE("SlotSyslinuxConfig: refuses what could be another line", "[bootloader]") {
  auto entry = Entry();
  entry.machine_arguments = {"a\nDEFAULT b"};
  CHECK_THROWS_AS(SlotSyslinuxConfig(entry), Error);
}

}  // namespace ros::bootloader
