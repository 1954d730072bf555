#pragma once

#include <optional>
#include <string>

#include "bootloader/boot_state.hpp"
#include "installer/commands/network_options.hpp"

namespace ros::installer {

struct UpgradeOptions : NetworkOptions {
  std::optional<std::string> image;  // none: what the channel of the machine has
  std::string channel;
  std::string append;
  std::string prometheus;
  int tries = bootloader::kDefaultTries;
  bool now = false;
  bool check = false;
  bool unattended = false;
  bool stage = false;
  bool no_reboot = false;
  bool kexec = false;
  bool retry = false;
  bool insecure = false;
  bool allow_downgrade = false;
  bool force = false;
  bool bootloader = false;
  bool bootloader_in_place = false;
  bool plan = false;
};

// Throws kUsage for options that do not go together: with -i a person has chosen, without it the
// channel does.
void CheckUpgradeOptions(const UpgradeOptions& options);

}  // namespace ros::installer
