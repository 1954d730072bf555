#include <catch2/catch.hpp>

#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

// A version that is bad, and how the machine must come back from it.
struct BadVersion {
  std::string image;
  std::string arguments;   // of `ros upgrade`
  std::string on_console;  // what the trial says before it is given up
  std::string slots;       // what GRUB starts, from the first boot of slot a on
  int watchdog_resets;
  std::string why;  // a part of what `ros why` says afterwards
};

void ComesBack(const BadVersion& bad) {
  Story story(bad.image, {bad.image, "tiny-v2"});
  Machine& machine = story.BootIntoTrial(bad.image, bad.arguments);
  machine.WaitForConsole(bad.on_console);
  machine.WaitForShell("1", std::chrono::seconds(900));

  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == bad.slots);
  CHECK(machine.watchdog_resets() == bad.watchdog_resets);
  const std::string why = machine.MustRun("ros why");
  INFO(why);
  CHECK_THAT(why, Catch::Contains(bad.why, Catch::CaseSensitive::No));

  story.WaitForServices();
  INFO("what failed is not taken again without being asked to");
  const GuestResult again = machine.Run("ros upgrade --no-reboot -i " + InGuest(bad.image));
  INFO(again.output);
  CHECK(again.exit_code == 3);
  INFO("and another version is welcome");
  story.Upgrade("tiny-v2");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
}

}  // namespace

TEST_CASE("trial-whose-check-fails", "[qemu]") {
  ComesBack({"tiny-check-fails", "", "gate: .*selftest", "aba", 0, "selftest"});
}

TEST_CASE("trial-nobody-reports-in", "[qemu]") {
  ComesBack({"tiny-silent", "", "gate: .*application", "aba", 0, "application"});
}

TEST_CASE("trial-whose-kernel-panics", "[qemu]") {
  // Three tries, as is the default; then the good slot.
  ComesBack({"tiny-panics", "", "this version panics", "abbba", 0, "tries"});
}

TEST_CASE("trial-whose-init-exits", "[qemu]") {
  ComesBack({"tiny-init-exits", "--tries 2", "this version's init exits", "abba", 0, "tries"});
}

TEST_CASE("trial-that-hangs", "[qemu]") {
  ComesBack({"tiny-hangs", "--tries 1", "this version hangs", "aba", 1, "tries"});
}
