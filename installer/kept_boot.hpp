#pragma once

#include <string>

#include "base/clock.hpp"
#include "installer/install_plan.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {

// What an installation that keeps ROS-STATE (kept_state.hpp) hands over to its first boot, since it
// writes nothing to the state itself: the keys that the machine is to trust from then on, in this
// file of the boot partition. What else it has to say is on the kernel command line (`ros.kept=`).
inline constexpr const char* kKeptKeysPath = "/KEPT.ROS";

partitions::BootFile KeptKeysFile(const std::string& installation, const InstallRequest& request);

// The gate's part of the first boot of such an installation, once, after ros-init's (the new /etc):
// adds the keys to those of the machine that it does not have yet, and writes the installation into
// the journal. Does nothing in any other boot. Returns what it did, as a sentence, or nothing.
// A power cut at any moment: the next boot does it again. The caller holds the machine's lock.
std::string FinishKeptState(const Machine& machine,
                            const partitions::FatVolume& boot,
                            const Clock& clock);

}  // namespace ros::installer
