#include "installer/target_choice.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "partitions/disk_list.hpp"

namespace ros::installer {
namespace {

// Why a disk is not taken; nothing when it may be.
std::optional<std::string> Obstacle(const TargetCandidate& candidate,
                                    InstallFacts facts,
                                    const InstallRequest& request) {
  if (!candidate.facts) {
    return candidate.problem;
  }
  if (candidate.facts->removable) {
    return "is a removable disk";
  }
  try {
    facts.disk = *candidate.facts;
    const auto plan = PlanInstall(facts, request);
    if (plan.losses.empty()) {
      return std::nullopt;
    }
    return "holds data (" + plan.losses.front() + (plan.losses.size() > 1 ? ", ...)" : ")");
  } catch (const Error& error) {
    return error.message();
  }
}

// As the plan calls it; what the serial number does not tell apart is told by its place.
std::string Description(const TargetCandidate& candidate,
                        const std::vector<const TargetCandidate*>& all) {
  const auto& disk = *candidate.facts;
  const auto equal = std::count_if(all.begin(), all.end(), [&](const auto* other) {
    return other->facts->model == disk.model && other->facts->serial == disk.serial;
  });
  auto text = TargetText(disk, disk.size);
  if (equal > 1 && !disk.serial.empty() && !disk.location.empty()) {
    text += ", at " + disk.location;
  }
  return text;
}

[[noreturn]] void RefuseChoice(const std::string& what, const std::vector<std::string>& disks) {
  std::string list;
  for (const auto& disk : disks) {
    list += (list.empty() ? "" : "; ") + disk;
  }
  throw Error(ErrorKind::kRefused, what + "; name the disk with -d: " + list);
}

}  // namespace

std::vector<TargetCandidate> InspectCandidates() {
  std::vector<TargetCandidate> candidates;
  for (const auto& path : partitions::ListDisks()) {
    TargetCandidate candidate{.path = path};
    try {
      candidate.facts = partitions::InspectDisk(path);
    } catch (const Error& error) {
      candidate.problem = error.message();
    }
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

partitions::DiskFacts ChooseTarget(const std::vector<TargetCandidate>& candidates,
                                   const InstallFacts& facts,
                                   const InstallRequest& request) {
  if (request.create_size) {
    throw Error(ErrorKind::kUsage, "-d auto chooses a disk, and --size makes a file");
  }
  CheckImageInstalls(facts, request);
  std::vector<const TargetCandidate*> suitable;
  std::vector<std::string> obstacles;
  for (const auto& candidate : candidates) {
    const auto name = candidate.path.string();
    if (const auto obstacle = Obstacle(candidate, facts, request)) {
      // Most of these sentences begin with the disk.
      obstacles.push_back(obstacle->find(name) == std::string::npos ? name + " " + *obstacle
                                                                    : *obstacle);
    } else {
      suitable.push_back(&candidate);
    }
  }
  if (candidates.empty()) {
    throw Error(ErrorKind::kRefused, "this machine has no disk");
  }
  if (suitable.empty()) {
    RefuseChoice("no disk is empty and fits", obstacles);
  }
  if (suitable.size() > 1) {
    std::vector<std::string> chosen;
    chosen.reserve(suitable.size());
    for (const auto* candidate : suitable) {
      chosen.push_back(Description(*candidate, suitable));
    }
    RefuseChoice(std::to_string(suitable.size()) + " disks are empty and fit", chosen);
  }
  return *suitable.front()->facts;
}

}  // namespace ros::installer
