#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "images/verified_image.hpp"
#include "installer/install_plan.hpp"
#include "partitions/disk_facts.hpp"

namespace ros::installer {

// A disk of this machine, or why it could not be looked at.
struct TargetCandidate {
  std::filesystem::path path;
  std::optional<partitions::DiskFacts> facts;
  std::string problem;
};

// Looks at all disks of this machine, writing nothing.
std::vector<TargetCandidate> InspectCandidates();

// `ros install -d auto`: the only disk that holds nothing and that the installation fits. Pure.
// Throws kRefused when there is none or more than one: the sentence names each disk, and why it is
// not taken. `request.target` does not matter.
partitions::DiskFacts ChooseTarget(const std::vector<TargetCandidate>& candidates,
                                   const images::VerifiedImage& image,
                                   const InstallRequest& request);

}  // namespace ros::installer
