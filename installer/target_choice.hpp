#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

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

// `ros install -d auto`: the only disk that holds nothing, is not removable (a stick, a card in its
// reader) and that the installation fits. Pure.
// Throws as CheckImageInstalls() first, then kRefused when there is no such disk or more than one:
// the sentence names each disk, and why it is not taken. `facts.disk` does not matter.
partitions::DiskFacts ChooseTarget(const std::vector<TargetCandidate>& candidates,
                                   const InstallFacts& facts,
                                   const InstallRequest& request);

}  // namespace ros::installer
