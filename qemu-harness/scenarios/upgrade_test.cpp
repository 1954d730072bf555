#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

// The watchdog's timeout in the test images (os/make-images), and how long to stay beyond it.
constexpr int kPastTheWatchdog = 60 + 15;

constexpr int kDoesNotFit = 5;

// Runs a command while the state partition is full.
GuestResult InFullState(Machine& machine, const std::string& command) {
  // ext4 keeps up to 16 MiB of what it calls free to itself.
  machine.MustRun(
      "fallocate -l $(($(stat -f -c '%f * %S' /ros) - (24 << 20))) /ros/filling; "
      "! dd if=/dev/zero of=/ros/rest bs=64k && sync");
  GuestResult result = machine.Run(command);
  machine.MustRun("rm /ros/filling /ros/rest && sync");
  return result;
}

// Waits in the guest: its clock is the one that the watchdog runs on.
void StayUp(Machine& machine) {
  machine.MustRun(
      "start=$(cut -d. -f1 /proc/uptime); while [ $(($(cut -d. -f1 /proc/uptime) - "
      "start)) -lt " +
          std::to_string(kPastTheWatchdog) + " ]; do sleep 1; done",
      std::chrono::seconds(900));
}

}  // namespace

TEST_CASE("upgrade-commits-and-goes-back-again", "[qemu]") {
  Story story("upgrade", {"tiny-v2", "tiny-v3"});
  Machine& machine = story.Boot();
  machine.MustRun("echo kept >/var/note; echo mine >/etc/note; echo mine >/etc/motd");
  story.WaitForServices();
  CHECK_THAT(machine.MustRun("ros upgrade --plan -i " + InGuest("tiny-v2")),
             Catch::Contains("       /etc/motd\n") && !Catch::Contains("/etc/note"));

  INFO("a to b: a trial, all reporters in, commit");
  // Without --no-reboot: the command itself restarts the machine.
  machine.RestartBy("ros upgrade -i " + InGuest("tiny-v2"));
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
  story.WaitForServices();
  CHECK_THAT(machine.MustRun("ros why"), Catch::Contains("commit"));
  CHECK(machine.MustRun("cat /var/note /etc/note /etc/motd") == "kept\nmine\nmine\n");

  INFO("a reboot stays on b");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"b", "2"});
  CHECK(machine.MustRun("cat /var/note /etc/note") == "kept\nmine\n");

  INFO("already there: says so, exit 0");
  story.WaitForServices();
  CHECK(machine.Run("ros upgrade --no-reboot -i " + InGuest("tiny-v2")).exit_code == 0);

  INFO("no room for the trial's copy of /etc: refused before anything is written");
  machine.MustRun("dd if=/dev/urandom of=/etc/large bs=64k count=8");
  const GuestResult refused = InFullState(machine, "ros upgrade -i " + InGuest("tiny-v3"));
  CHECK(refused.exit_code == kDoesNotFit);
  CHECK_THAT(refused.output,
             Catch::Contains("changed in /etc, 5") && Catch::Contains("make room below /var"));
  machine.MustRun("rm /etc/large");

  INFO("b to a with a third version");
  story.Upgrade("tiny-v3");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  CHECK(WhoRuns(machine) == RunningOs{"a", "3", true});
  story.WaitForServices();
  story.PowerOff();
  CHECK(StateOnDisk(story.disk()) == StoredState{"a"});
  CHECK(CheckBootPartition(story.disk()).empty());

  INFO("back by hand, and it sticks");
  Machine& last = story.Boot();
  CHECK(WhoRuns(last) == RunningOs{"a", "3"});
  story.WaitForServices();
  last.MustRun("ros rollback --no-reboot");
  last.RestartBy("reboot -f");
  last.WaitForShell();
  CHECK(WhoRuns(last) == RunningOs{"b", "2"});
  CHECK_THAT(last.MustRun("ros why"), Catch::Contains("by hand"));
}

TEST_CASE("good-slot-outlives-the-watchdog", "[qemu]") {
  Story story("outlives", {"tiny-v2"});
  INFO("a fresh install");
  Machine& machine = story.Boot();
  story.WaitForServices();
  StayUp(machine);
  CHECK(SlotsStarted(machine) == "a");

  INFO("after a commit");
  story.Upgrade("tiny-v2");
  machine.RestartBy("reboot -f");
  machine.WaitForShell();
  story.WaitForServices();
  StayUp(machine);
  CHECK(SlotsStarted(machine) == "ab");
  CHECK(machine.watchdog_resets() == 0);
  CHECK(WhoRuns(machine).slot == "b");
}
