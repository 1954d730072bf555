#pragma once

#include <string>
#include <vector>

#include "base/process.hpp"

namespace ros::qemu {

// Runs this build's `ros` on the host.
ProcessResult Ros(std::vector<std::string> arguments);

// As above; throws with its stderr when it fails. Returns stdout.
std::string MustRos(std::vector<std::string> arguments);

}  // namespace ros::qemu
