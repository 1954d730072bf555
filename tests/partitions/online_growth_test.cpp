#include "partitions/online_growth.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/process.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

// An ext4 that the real mke2fs has made in a file of this length.
std::vector<std::byte> StartOfExt4(const std::filesystem::path& path, Bytes length) {
  CreateFileDurably(path, {});
  std::filesystem::resize_file(path, length);
  RunTool({.argv = {"mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", path.string()}});
  std::vector<std::byte> start(2_KiB);
  OpenBlockDevice(path, DeviceAccess::kRead)->Read(0, start);
  return start;
}

// What the real resize2fs makes of it in a partition of that length.
Bytes ByResize2fs(const std::filesystem::path& path, Bytes length) {
  std::filesystem::resize_file(path, length);
  RunTool({.argv = {"resize2fs", path.string()}});
  std::vector<std::byte> start(2_KiB);
  OpenBlockDevice(path, DeviceAccess::kRead)->Read(0, start);
  return InspectExt4Growth(start, length).length;
}

}  // namespace

TEST_CASE("InspectExt4Growth: a file system that fills its partition needs nothing",
          "[partitions]") {
  const TempDirectory scratch("ros-growth");
  const auto start = StartOfExt4(scratch.path() / "fs", 64_MiB);
  const auto growth = InspectExt4Growth(start, 64_MiB);
  CHECK(growth == Ext4Growth{.block_size = 4096, .length = 64_MiB, .new_length = 64_MiB});
  CHECK_FALSE(growth.Needed());
  // Never smaller.
  CHECK_FALSE(InspectExt4Growth(start, 32_MiB).Needed());
}

TEST_CASE("InspectExt4Growth: grows as far as resize2fs does, or leaves a rest of a group",
          "[partitions]") {
  const TempDirectory scratch("ros-growth");
  const auto path = scratch.path() / "fs";
  const auto start = StartOfExt4(path, 64_MiB);
  // In the first group, in the middle of another, a last one without room for its tables.
  const auto length = GENERATE(100_MiB, 1000_MiB, 1024_MiB + 1_MiB, 1024_MiB);
  const auto growth = InspectExt4Growth(start, length);
  CHECK(growth.Needed());
  CHECK(growth.new_length <= length);
  CHECK(growth.new_length == ByResize2fs(path, length));
}

TEST_CASE("InspectExt4Growth: refuses what is no ext4", "[partitions]") {
  const TempDirectory scratch("ros-growth");
  auto start = StartOfExt4(scratch.path() / "fs", 64_MiB);
  CHECK_THROWS_AS(InspectExt4Growth(std::vector<std::byte>(2_KiB), 64_MiB), Error);
  CHECK_THROWS_AS(InspectExt4Growth(std::span(start).first(1_KiB), 64_MiB), Error);
  CHECK_THROWS_AS(InspectExt4Growth(start, 2_KiB), Error);
  StoreLe32(start, 1024 + 0x18, 40);
  CHECK_THROWS_AS(InspectExt4Growth(start, 64_MiB), Error);
  StoreLe32(start, 1024 + 0x18, 2);
  StoreLe32(start, 1024 + 0x20, 0);
  CHECK_THROWS_AS(InspectExt4Growth(start, 64_MiB), Error);
}

TEST_CASE("GrowMountedExt4: says what could not be grown", "[partitions]") {
  const TempDirectory scratch("ros-growth");
  try {
    GrowMountedExt4("/proc", 64_MiB, 4_KiB);
    FAIL("grew /proc");
  } catch (const Error& error) {
    CHECK_THAT(error.message(), Catch::Contains("growing the file system at /proc to 64 MiB: "));
  }
  CHECK_THROWS_AS(ResizeKernelPartition(scratch.path(), 5, 1_MiB, 2_MiB), Error);
}

}  // namespace ros::partitions
