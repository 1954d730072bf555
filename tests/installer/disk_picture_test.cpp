#include "installer/disk_picture.hpp"

#include <catch2/catch.hpp>
#include <numeric>

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

TEST_CASE("DrawDisk: draws partitions to scale", "[installer]") {
  const std::vector<PicturePart> parts = {{"ROS-BIOS", 1_MiB},
                                          {"ROS-BOOT", 512_MiB},
                                          {"ROS-A", 1_GiB},
                                          {"ROS-B", 1_GiB},
                                          {"ROS-STATE", 1535_MiB}};
  CHECK(DrawDisk(parts, 46) ==
        "+-+-----+----------+----------+--------------+\n"
        "| |ROS-B|ROS-A     |ROS-B     |ROS-STATE     |\n"
        "+-+-----+----------+----------+--------------+\n");
}

TEST_CASE("ScaleParts: always fills the width and never hides a part", "[installer]") {
  for (const std::size_t width : {5U, 6U, 17U, 80U, 200U}) {
    const auto columns =
        ScaleParts({{"a", 1}, {"b", 1_GiB}, {"c", 0}, {"d", 3_GiB}, {"e", 2_MiB}}, width);
    CAPTURE(width);
    CHECK(std::accumulate(columns.begin(), columns.end(), std::size_t{0}) == width);
    CHECK(*std::min_element(columns.begin(), columns.end()) >= 1);
  }
}

TEST_CASE("FormatTable: aligns its columns", "[installer]") {
  CHECK(FormatTable({{"name", ">size", "what"}, {"ROS-A", "1 GiB", "root"}, {"x", "20 GiB", ""}}) ==
        "name     size  what\n"
        "ROS-A   1 GiB  root\n"
        "x      20 GiB\n");
}

}  // namespace
}  // namespace ros::installer
