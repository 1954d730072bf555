#pragma once

#include <optional>

#include "installer/command.hpp"
#include "installer/commands/upgrade_options.hpp"
#include "installer/followed_channel.hpp"

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

// `ros upgrade --check`: tells it, writes nothing but the file of metrics that was asked for, and
// leaves the exit code.
void CheckChannel(const UpgradeOptions& options, CommandContext& context);

}  // namespace ros::installer
