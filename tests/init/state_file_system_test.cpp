#include "init/state_file_system.hpp"

#include <array>
#include <catch2/catch.hpp>

namespace ros::init {
namespace {

TEST_CASE("InspectSuperblock: reads magic and state", "[init]") {
  struct Case {
    std::uint16_t magic;
    std::uint16_t state;
    Ext4Health health;
  };

  const auto row = GENERATE(values<Case>({{0xef53, 1, Ext4Health::kFine},
                                          {0xef53, 0, Ext4Health::kErrors},
                                          {0xef53, 2, Ext4Health::kErrors},
                                          {0xef53, 3, Ext4Health::kErrors},
                                          {0xef53, 5, Ext4Health::kFine},
                                          {0, 1, Ext4Health::kUnknown}}));
  std::array<std::byte, 1024> superblock{};
  StoreLe16(superblock, 0x38, row.magic);
  StoreLe16(superblock, 0x3a, row.state);
  CHECK(InspectSuperblock(superblock) == row.health);
  CHECK(InspectSuperblock(ByteSpan(superblock).first(512)) == Ext4Health::kUnknown);
}

}  // namespace
}  // namespace ros::init
