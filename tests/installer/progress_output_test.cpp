#include "installer/progress_output.hpp"

#include <catch2/catch.hpp>
#include <sstream>

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

TEST_CASE("FormatBar: shows bytes, rate and time left", "[installer]") {
  CHECK(FormatBar("writing the root", 150_MiB, 600_MiB, std::chrono::seconds(1), 110) ==
        "writing the root               [########..........................]"
        "  150 MiB of 600 MiB  150 MiB/s  3.0 s left");
}

TEST_CASE("FormatBar: names a step of unknown length alone until there is something to count",
          "[installer]") {
  const auto line = FormatBar("making the file system", 0, 0, std::chrono::seconds(9), 60);
  CHECK(line.find("bytes") == std::string::npos);
  CHECK(FormatBar("x", 5_MiB, 0, std::chrono::seconds(1), 60).find("5 MiB") != std::string::npos);
}

TEST_CASE("FormatBar: never exceeds the width, and leaves the bar out where it has no room",
          "[installer]") {
  for (const std::size_t width : {20U, 40U, 60U, 79U, 200U}) {
    const auto line =
        FormatBar("a step with a rather long name", 5_MiB, 7_GiB, std::chrono::hours(3), width);
    CAPTURE(width, line);
    CHECK(line.size() <= width);
  }
}

TEST_CASE("LineProgress: one line when a step has ended", "[installer]") {
  std::ostringstream out;
  LineProgress progress(out);
  progress.Begin("checking the image", 0);
  progress.End();
  progress.Warn("the clock is wrong, ignoring");
  CHECK(out.str() == "checking the image\nros: warning: the clock is wrong, ignoring\n");
}

TEST_CASE("JsonProgress: one object a line", "[installer]") {
  std::ostringstream out;
  JsonProgress progress(out);
  progress.Begin("x", 10);
  progress.End();
  CHECK(out.str() ==
        "{\"event\":\"begin\",\"step\":\"x\",\"done\":0,\"total\":10}\n"
        "{\"event\":\"end\",\"step\":\"x\",\"done\":10,\"total\":10}\n");
}

}  // namespace
}  // namespace ros::installer
