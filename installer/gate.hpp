#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/clock.hpp"
#include "health/gate.hpp"
#include "health/watchdog.hpp"
#include "installer/console.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"

namespace ros::installer {

// How the gate ended.
enum class GateOutcome {
  kGood,       // the good slot is running; leftovers of an earlier trial are settled
  kCommitted,  // the trial is the good slot now
  kFailed,     // the trial is given up, and the machine must reboot
};

// What the gate asks of a trial: the reporters and deadline of the running slot's image.
health::GateRequest GateRequestFor(const SlotContent& content);

// What the gate works with beside the machine. Tests bring their own.
struct GateMeans {
  const Console& console;
  const Clock& clock;
  std::filesystem::path runtime = kRuntimeDirectory;  // the lock, and reports below `health`
  std::vector<std::filesystem::path> checks = health::GateRequest().checks;
  std::function<health::WatchdogOpening(std::chrono::seconds)> open_watchdog =
      [](std::chrono::seconds timeout) { return health::OpenWatchdog("/dev", timeout); };
};

// The whole duty of the gate, once a boot. On a good slot: settles a trial that failed without a
// verdict, repairs damaged copies of the boot state, makes up for a commit that was cut short,
// gives a copy of an image file its own UUIDs, grows ROS-STATE to the rest of a disk that has
// become larger. On a trial: waits, then commits or gives up, and leaves the watchdog counting
// where a reboot follows. Throws where no verdict could be given or stored; after a commit it does
// not throw any more.
GateOutcome KeepGate(const Machine& machine, const GateMeans& means);

enum class AfterGate { kStay, kReboot };

// The gate service of a system that was booted with these arguments: KeepGate, and what follows
// where that fails. A trial whose gate fails cannot be judged: it is told in the journal, and the
// machine reboots, as after a failed check. A slot that is good is never rebooted: there the
// failure is thrown.
AfterGate RunGateService(const health::BootArguments& booted,
                         const std::function<Machine()>& open_machine,
                         const GateMeans& means);

}  // namespace ros::installer
