#include "qemu-harness/boot_setup.hpp"

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <sstream>

#include "base/error.hpp"
#include "qemu-harness/grub_loader.hpp"
#include "qemu-harness/syslinux_loader.hpp"

namespace ros::qemu {

std::ostream& operator<<(std::ostream& out, const StoredState& state) {
  return out << "good " << state.good << ", trial " << state.trial << ", " << state.tries_left
             << " tries left" << (state.started ? ", started" : "");
}

const std::vector<BootSetup>& BootSetups() {
  static const std::vector<BootSetup> kSetups = {
      {"bios-grub", Firmware::kBios, &Grub()},
      {"uefi-grub", Firmware::kUefi, &Grub()},
      {"bios-syslinux", Firmware::kBios, &Syslinux()},
  };
  return kSetups;
}

const BootSetup& Setup() {
  const char* given = std::getenv("ROS_BOOT_SETUP");
  const std::string_view name = given == nullptr ? "bios-grub" : given;
  const std::vector<BootSetup>& all = BootSetups();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const BootSetup& one) { return one.name == name; });
  if (found == all.end()) {
    std::string known;
    for (const BootSetup& one : all) {
      known.append(" ").append(one.name);
    }
    throw Error(ErrorKind::kUsage, "ROS_BOOT_SETUP=" + std::string(name) + " is none of:" + known);
  }
  return *found;
}

StoredState StateOnDisk(const DiskImage& disk) {
  const std::optional<StoredState> state = Setup().loader->read_state(disk, StateCopy::kFirst);
  if (!state) {
    throw Error(ErrorKind::kFailed, "the boot state on " + disk.path().string() + " is damaged");
  }
  return *state;
}

std::string SlotsStarted(Machine& machine) {
  const std::regex choice(Setup().loader->started);
  std::istringstream lines(machine.console().text());
  std::string slots;
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, match, choice)) {
      slots += match[1].str();
    }
  }
  return slots;
}

}  // namespace ros::qemu
