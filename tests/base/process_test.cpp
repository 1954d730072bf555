#include "base/process.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros {
namespace {

TEST_CASE("RunProcess: gives output, input and exit code", "[base]") {
  const auto result =
      RunProcess({.argv = {"sh", "-c", "cat; echo err >&2; exit 3"}, .input = "in"});
  CHECK(result.exit_code == 3);
  CHECK(result.out == "in");
  CHECK(result.err == "err\n");
}

TEST_CASE("RunTool: a failure carries what the tool said", "[base]") {
  CHECK_THROWS_WITH(RunTool({.argv = {"sh", "-c", "echo no such disk >&2; exit 2"}}),
                    "sh failed (exit 2): no such disk");
  CHECK_THROWS_WITH(RunTool({.argv = {"no-such-tool-anywhere"}}),
                    Catch::StartsWith("no-such-tool-anywhere is not installed"));
}

TEST_CASE("RunTool: a failure is told without what drew the tool's progress", "[base]") {
  const auto script = R"(printf 'start\nfile a\r\033[Kfile b\r\033[Kno \007space\n' >&2; exit 1)";
  CHECK_THROWS_WITH(RunTool({.argv = {"sh", "-c", script}}), "sh failed (exit 1): start no space");
}

TEST_CASE("RunProcess: a child that does not end is killed", "[base]") {
  CHECK_THROWS_WITH(RunTool({.argv = {"sleep", "1000"}, .timeout = std::chrono::milliseconds(50)}),
                    Catch::Contains("did not finish"));
}

TEST_CASE("RunProcess: a child that ignores a large input does not hang us", "[base]") {
  CHECK(RunProcess({.argv = {"true"}, .input = std::string(1 << 20, 'x')}).exit_code == 0);
}

TEST_CASE("RunProcess: output is cut at its limit, and read to the end", "[base]") {
  const auto result =
      RunProcess({.argv = {"sh", "-c", "head -c 300000 /dev/zero"}, .output_limit = 1000});
  CHECK(result.exit_code == 0);
  CHECK(result.out.size() == 1000);
}

TEST_CASE("RunProcess: the environment is clean", "[base]") {
  ::setenv("ROS_TEST_SECRET", "x", 1);
  const auto out = RunTool({.argv = {"env"}, .environment = {"SOURCE_DATE_EPOCH=1"}});
  CHECK_THAT(out, !Catch::Contains("ROS_TEST_SECRET"));
  CHECK_THAT(out, Catch::Contains("SOURCE_DATE_EPOCH=1\n"));
}

}  // namespace
}  // namespace ros
