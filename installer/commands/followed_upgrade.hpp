#pragma once

#include <optional>

#include "base/file.hpp"
#include "installer/command.hpp"
#include "installer/commands/upgrade_options.hpp"
#include "installer/followed_channel.hpp"
#include "installer/upgrade_plan.hpp"

namespace ros::installer {

// The exit code of `ros upgrade --check` where there is something new for this machine.
inline constexpr int kSomethingNewExit = 10;

// What an upgrade is to take, and the rules that it is judged by.
struct UpgradeAim {
  ImageLocation location;
  TrustRules rules;
};

// What the channel of this machine has for it. Where that is nothing says why, remembers the
// document (unless only a plan was asked for), and gives none. Throws as FindRelease and ImageOf
// do.
std::optional<UpgradeAim> AimAtChannel(const Machine& machine,
                                       TrustRules rules,
                                       const UpgradeOptions& options,
                                       const Console& console);

// Waits for the turn of this machine (unattended.hpp), and then for another `ros` that is at work,
// as long as the window is open. Where there is no turn, or something is in its way (FindObstacle),
// says why and gives none. Throws where the configuration cannot be read, and when a signal ends
// the waiting.
std::optional<FileLock> LockAtTurn(const Machine& machine, const Console& console);

// Whether nothing keeps it from restarting (FindRestartObstacle), by the configuration as it is
// now; else says what does.
bool MayRestart(const Machine& machine, const Console& console);

// The same of arming a trial (FindArmObstacle).
bool MayArm(const UpgradePlan& plan, const Machine& machine, const Console& console);

// `ros upgrade --check`: tells it, writes nothing but the file of metrics that was asked for, and
// leaves the exit code.
void CheckChannel(const UpgradeOptions& options, CommandContext& context);

}  // namespace ros::installer
