// `ros upgrade --kexec`: the trial boots without firmware and boot loader, and counts all the same.
#include <catch2/catch.hpp>

#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

// Boots, and starts the image's trial by kexec.
Machine& BootAndStart(Story& story, std::string_view image, std::string_view arguments = "") {
  Machine& machine = story.Boot();
  story.WaitForServices();
  machine.Start(std::string("ros upgrade --kexec ")
                    .append(arguments)
                    .append(" -i ")
                    .append(InGuest(image))
                    .append(" >/dev/console 2>&1"));
  return machine;
}

}  // namespace

TEST_CASE("kexec-trial-commits", "[qemu]") {
  Story story("kexec", {"tiny-v2"});
  Machine& machine = BootAndStart(story, "tiny-v2");
  machine.WaitForShell("2");
  CHECK(machine.resets() == 0);
  CHECK(SlotsStarted(machine) == "a");
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  CHECK_THAT(machine.MustRun("cat /proc/cmdline"), Catch::Contains(" ros.trial=2"));
  INFO("the file systems were left in good order");
  CHECK_THAT(machine.MustRun("dmesg"), !Catch::Contains("recovery complete"));

  INFO("the gate commits, and a reboot by firmware stays");
  story.WaitForServices();
  CHECK_THAT(machine.MustRun("ros why"), Catch::Contains("commit"));
  machine.RestartBy("reboot");
  machine.WaitForShell();
  CHECK(SlotsStarted(machine) == "ab");
  CHECK(WhoRuns(machine) == RunningOs{"b", "2"});
  story.PowerOff();
  CHECK(StateOnDisk(story.disk()) == StoredState{.good = "b"});
}

TEST_CASE("kexec-trial-whose-check-fails", "[qemu]") {
  Story story("kexec-check-fails", {"tiny-check-fails"});
  Machine& machine = BootAndStart(story, "tiny-check-fails");
  machine.WaitForConsole("gate: .*selftest");
  INFO("the gate's reboot goes through firmware and boot loader, to the good slot");
  machine.WaitForShell("1");
  CHECK(SlotsStarted(machine) == "aa");
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK_THAT(machine.MustRun("ros why"), Catch::Contains("selftest"));
}

TEST_CASE("kexec-trial-whose-kernel-panics", "[qemu]") {
  Story story("kexec-panics", {"tiny-panics"});
  Machine& machine = BootAndStart(story, "tiny-panics", "--tries 2");
  machine.WaitForShell("1", std::chrono::seconds(900));
  INFO("one try by kexec, the other one by the boot loader");
  CHECK(SlotsStarted(machine) == "aba");
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  const std::string why = machine.MustRun("ros why");
  CHECK_THAT(why, Catch::Contains("used up its tries"));
}

TEST_CASE("kexec-that-is-switched-off-reboots", "[qemu]") {
  Story story("kexec-off", {"tiny-v2"});
  Machine& machine = story.Boot();
  story.WaitForServices();
  machine.MustRun("sysctl -w kernel.kexec_load_disabled=1");
  CHECK_THAT(machine.MustRun("ros upgrade --kexec --plan -i " + InGuest("tiny-v2")),
             Catch::Contains("no kexec: "));
  machine.RestartBy("ros upgrade --kexec -i " + InGuest("tiny-v2"));
  machine.WaitForShell("2");
  CHECK(SlotsStarted(machine) == "ab");
  CHECK_THAT(machine.MustRun("cat /proc/cmdline"), Catch::Contains(" ros.trial=2"));
}
