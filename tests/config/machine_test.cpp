#include "config/machine.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"

using ros::config::RunningMachine;

TEST_CASE("RunningMachine::Mount: what is mounted already or not wanted now is left alone",
          "[config]") {
  RunningMachine machine;
  // No mount tool would succeed with these devices, so nothing was run.
  CHECK_NOTHROW(machine.Mount({"/nonexistent/device", "/proc", "ext4", {}}));
  CHECK_NOTHROW(machine.Mount({"/nonexistent/device", "/nonexistent", "ext4", {"noauto"}}));
}

TEST_CASE("RunningMachine::RunScript: gives the exit code and keeps the time limit", "[config]") {
  const ros::TempDirectory directory;
  const auto script = directory.path() / "script";
  ros::WriteFileAtomically(script, ros::AsBytes("exit 5\n"));
  RunningMachine machine;
  CHECK(machine.RunScript(script, std::chrono::seconds(60)) == 5);
  CHECK_THROWS_AS(machine.RunScript(script, std::chrono::seconds(0)), ros::Error);
}
