#include <catch2/catch.hpp>

#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)
using ros::Json;

namespace {

// What a user leaves behind.
void LiveIn(Machine& machine) {
  machine.MustRun(
      "ros config set hostname lodger && ros config apply && mkdir -p /var/lib/app && "
      "echo data > /var/lib/app/db && echo mine > /etc/mine && echo x > /home/file && "
      "sync");
  CHECK(machine.MustRun("hostname") == "lodger\n");
}

void CheckEmpty(Machine& machine) {
  CHECK(machine.MustRun("ls -d /var/lib/app /etc/mine /home/file /ros/reset /ros/config/user.yml "
                        "2>/dev/null | wc -l") == "0\n");
  CHECK(machine.MustRun("hostname") != "lodger\n");
  // Filled from the image again.
  CHECK(machine.MustRun("ls /ros/filled").find("var") != std::string::npos);
}

int Notes(Machine& machine, const std::string& part) {
  int count = 0;
  for (const Json& entry : JournalEntries(machine, "note")) {
    const Json* reason = entry.Find("reason", "note");
    count +=
        reason != nullptr && reason->AsString("reason").find(part) != std::string::npos ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("factory-reset-empties-the-state", "[qemu]") {
  Story story("reset", {"tiny-v2"});
  Machine* machine = &story.BootIntoTrial("tiny-v2");
  machine->WaitForShell("2");
  CHECK(machine->Run("ros reset --force --no-reboot").exit_code == 3);  // until it is committed
  story.WaitForServices();
  LiveIn(*machine);
  const std::string keys = machine->MustRun("cat /ros/keys/*");
  CHECK(machine->Run("ros reset").exit_code == 3);
  CHECK(machine->MustRun("ros reset --plan").find("removes  /var") != std::string::npos);
  CHECK(machine->MustRun("ls /ros").find("reset") == std::string::npos);

  machine->RestartBy("ros reset --force");
  machine->WaitForShell("2");
  story.WaitForServices();
  CHECK(WhoRuns(*machine) == RunningOs{"b", "2"});
  CheckEmpty(*machine);
  CHECK(machine->MustRun("cat /ros/keys/*") == keys);
  CHECK(Notes(*machine, "factory reset: the state partition was emptied") == 1);
  CHECK(JournalEntries(*machine, "committed").size() == 1);
  const Json status = Ask(*machine, "ros status");
  CHECK(status.At("slots", "status").AsArray("slots")[0].At("complete", "slots") == Json(true));

  INFO("the power goes while it is done");
  LiveIn(*machine);
  machine->MustRun(
      "i=0; while [ $i -lt 3000 ]; do mkdir -p /var/many/$i; echo $i >/var/many/$i/f; "
      "i=$((i+1)); done; ros reset --force --no-reboot --forget-trust");
  story.PowerOff();
  {
    MachineOptions options = MachineWith("reset-cut", story.disk(), nullptr);
    Machine cut(options);
    cut.WaitForConsole("factory reset: emptying the state partition");
    cut.Kill();
  }
  Machine& again = story.Boot();
  story.WaitForServices();
  CHECK(WhoRuns(again) == RunningOs{"b", "2"});
  CheckEmpty(again);
  CHECK(again.MustRun("ls /var/many /ros/keys 2>/dev/null | wc -l") == "0\n");
  CHECK(JournalEntries(again, "trust-forgotten").size() == 1);
  CHECK(again.Run("ros upgrade --no-reboot -i " + InGuest("tiny-v2")).exit_code == 4);
}
