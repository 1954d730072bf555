#pragma once

#include <filesystem>
#include <vector>

#include "health/gate.hpp"
#include "installer/console.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"

namespace ros::installer {

// How `ros health gate` ended.
enum class GateOutcome {
  kGood,       // the good slot is running; leftovers of an earlier trial are settled
  kCommitted,  // the trial is the good slot now
  kFailed,     // the trial is given up, and the machine must reboot
};

// What the gate asks of a trial: the reporters and deadline of the running slot's image.
health::GateRequest GateRequestFor(const SlotContent& content);

// The whole duty of the gate service, once a boot. On a good slot: settles a trial that failed
// without a verdict, repairs damaged copies of the boot state. On a trial: waits, then commits or
// gives up, and leaves the watchdog counting where a reboot follows. `console` tells people.
GateOutcome KeepGate(const Machine& machine, const Console& console);

}  // namespace ros::installer
