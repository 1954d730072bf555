#include "partitions/boot_layout.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::partitions {

TEST_CASE("BootLayout: what is formatted parses back, padding ignored", "[partitions]") {
  const std::vector<PlacedFile> files = {{"/A/KERNEL", 40, 8192}, {"/LAYOUT.ROS", 9000, 1}};
  CHECK(ParseBootLayout(FormatBootLayout(files) + "\n\n\n") == files);
}

TEST_CASE("BootLayout: nonsense is refused with its line", "[partitions]") {
  for (const auto* text : {"",
                           "ros-boot-layout 2\n",
                           "ros-boot-layout 1\n/A 1\n",
                           "ros-boot-layout 1\n/A 1 2 3\n",
                           "ros-boot-layout 1\nA 1 2\n",
                           "ros-boot-layout 1\n/A 1 0\n",
                           "ros-boot-layout 1\n/A -1 99999999999999999999\n"}) {
    CHECK_THROWS_AS(ParseBootLayout(text), Error);
  }
  CHECK_THROWS_WITH(ParseBootLayout("ros-boot-layout 1\n/A 1 2\n/B\n"), Catch::Contains("line 3"));
}

}  // namespace ros::partitions
