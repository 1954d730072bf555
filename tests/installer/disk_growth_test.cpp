#include "installer/disk_growth.hpp"

#include <catch2/catch.hpp>

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

// A disk that was copied to one with 4 GiB more.
GrowthFacts LargerDisk() {
  return {.disk = "/dev/sda",
          .table = {.offset = 3_GiB, .length = 4_GiB, .new_length = 8_GiB, .in_place = false},
          .kernel_length = 4_GiB,
          .block_size = 4096,
          .file_system = 4_GiB,
          .file_system_in_new = 8_GiB};
}

}  // namespace

TEST_CASE("PlanGrowth: table, kernel and file system, in this order", "[installer]") {
  const auto plan = PlanGrowth(LargerDisk());
  CHECK(plan.steps == std::vector<GrowthStep>{GrowTable{4_GiB, 8_GiB},
                                              TellKernel{3_GiB, 8_GiB},
                                              GrowFileSystem{4_GiB, 8_GiB, 4096}});
  CHECK(DescribeGrowth(plan) ==
        "the backup of the partition table is written to the end of the disk, ROS-STATE grows from "
        "4 GiB to 8 GiB; the kernel is told that ROS-STATE has 8 GiB; the file system of ROS-STATE "
        "grows from 4 GiB to 8 GiB while it is in use");
}

TEST_CASE("PlanGrowth: what was done before a cut is not done again", "[installer]") {
  auto facts = LargerDisk();
  facts.table.length = 8_GiB;
  facts.table.in_place = true;
  CHECK(PlanGrowth(facts).steps.size() == 2);
  facts.kernel_length = 8_GiB;
  CHECK(PlanGrowth(facts).steps == std::vector<GrowthStep>{GrowFileSystem{4_GiB, 8_GiB, 4096}});
  facts.file_system = 8_GiB;
  CHECK(PlanGrowth(facts).steps.empty());
  CHECK(DescribeGrowth(PlanGrowth(facts)).empty());
}

TEST_CASE("PlanGrowth: a backup that is not at its place is told as that alone", "[installer]") {
  auto facts = LargerDisk();
  facts.table.new_length = 4_GiB;
  facts.file_system_in_new = 4_GiB;
  CHECK(DescribeGrowth(PlanGrowth(facts)) ==
        "the backup of the partition table is written to the end of the disk");
}

}  // namespace ros::installer
