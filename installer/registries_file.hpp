#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.hpp"
#include "registry/mirrors.hpp"

// Which mirrors the registries have, as the owner of this machine says.
namespace ros::installer {

// Limits on such a file.
inline constexpr Bytes kMaxRegistriesFile = Bytes{256} << 10U;
inline constexpr std::size_t kMaxMirroredHosts = 200;
inline constexpr std::size_t kMaxEndpoints = 16;  // of one host

// The `mirrors` of a text in the form of k3s's registries.yaml: endpoints by host, or by "*".
// Throws kUsage "FILE:LINE:COLUMN: why" for what is malformed, beyond the limits, or belongs
// elsewhere.
registry::MirrorTable ParseRegistries(std::string_view text, std::string_view file);

// Those of the file that $ROS_REGISTRIES_FILE names, else of /etc/ros/registries.yml; none where
// that is not there. Throws as above, kUsage where the variable names no file, and as ReadFile.
registry::MirrorTable ReadRegistriesFile();

}  // namespace ros::installer
