#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "images/image_config.hpp"

namespace ros::installer {

// What a machine demands of any image that comes onto it.
struct MachineDemands {
  std::string architecture = "amd64";
  std::string kind;  // empty: takes images that are for any machine
  std::uint64_t epoch_floor = 0;
};

// OCI's name of the architecture that this program was built for.
std::string RunningArchitecture();

// Throws kDoesNotFit for another architecture or another kind of machine, kVerification for an
// epoch below the floor.
void CheckImageSuits(const images::ImageConfig& image, const MachineDemands& demands);

}  // namespace ros::installer
