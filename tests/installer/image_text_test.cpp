#include "installer/image_text.hpp"

#include <catch2/catch.hpp>

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

}  // namespace

TEST_CASE("BuildWarnings: tells of parts that a usual slot does not hold", "[installer]") {
  images::BuildResult result;
  result.kernel_size = 32_MiB;
  result.initrd_size = 96_MiB;
  CHECK(BuildWarnings(result).empty());
  result.kernel_size = 33_MiB;
  result.initrd_size = 97_MiB;
  const auto warnings = BuildWarnings(result);
  REQUIRE(warnings.size() == 2);
  CHECK_THAT(warnings[0], Catch::Contains("33 MiB") && Catch::Contains("--kernel-size"));
  CHECK_THAT(warnings[1], Catch::Contains("97 MiB") && Catch::Contains("--initrd-size"));
}

}  // namespace ros::installer
