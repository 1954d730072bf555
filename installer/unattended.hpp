#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/slot.hpp"
#include "bootloader/boot_state.hpp"
#include "config/upgrade_settings.hpp"
#include "installer/upgrade_plan.hpp"

namespace ros::installer {

// When an unattended upgrade may begin.
struct Turn {
  // How long to wait first; none: not now.
  std::optional<std::chrono::seconds> wait;
  std::string why;  // a sentence for people, in either case

  bool operator==(const Turn&) const = default;
};

// The turn of a machine (MachineIdentity) that was started at `now`, by its settings. Without a
// channel or a window there is none: a machine upgrades itself only where somebody has said when.
// In a window the turn is the opening and the machine's place in the delay, which is cut to half
// of the window, so that each machine has one, and time to write and to restart; or now, where that
// has passed. Where the window is always open it is that long after `now`. Pure.
Turn FindTurn(const config::UpgradeSettings& settings, const std::string& machine, UnixTime now);

// A machine's own place in [0, span), always the same; 0 where there is no span.
std::chrono::seconds PlaceWithin(std::chrono::seconds span, const std::string& machine);

// Whether the window is open at `now`.
bool IsOpen(const config::UpgradeSettings& settings, UnixTime now);

// What keeps a machine from restarting into what it has written, a sentence; empty: nothing. Pure.
std::string FindRestartObstacle(const config::UpgradeSettings& settings, UnixTime now);

// The same of a trial that `plan` arms, which was made after all was written. It writes again where
// the channel has another image by then, or what was written does not read right: that may take
// longer than the window is open. Pure.
std::string FindArmObstacle(const config::UpgradeSettings& settings,
                            const UpgradePlan& plan,
                            UnixTime now);

// What keeps a machine that runs `running` from upgrading itself now, a sentence; empty: nothing.
// Where a trial is running or pending somebody works on the machine, or its health gate is to be
// left alone. Pure.
std::string FindObstacle(const bootloader::BootState& state, SlotId running);

// Waits so long by the time since boot, whatever the wall clock does. Throws as ThrowIfInterrupted
// when a signal comes meanwhile.
void WaitInterruptibly(std::chrono::seconds length, const Clock& clock);

}  // namespace ros::installer
