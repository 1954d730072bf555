#include <catch2/catch.hpp>

#include "qemu-harness/machine.hpp"
#include "qemu-harness/places.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

TEST_CASE("live-system-answers", "[qemu]") {
  // The harness itself: kernel, two serial ports, commands and their exit codes, power off.
  MachineOptions options;
  options.name = "live-system-answers.bios-grub/live";
  options.kernel = DirectKernel{HarnessDirectory() / "live/kernel",
                                HarnessDirectory() / "live/initrd",
                                "console=ttyS0 quiet no_timer_check panic=10"};
  Machine machine(options);
  machine.WaitForShell();
  CHECK(machine.MustRun("uname -s") == "Linux\n");
  CHECK(machine.Run("exit_with() { return $1; }; exit_with 7").exit_code == 7);
  CHECK(machine.Run("true").output.empty());
  machine.Start("poweroff -f");
  machine.WaitForPowerOff();
}
