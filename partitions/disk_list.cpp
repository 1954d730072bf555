#include "partitions/disk_list.hpp"

#include <algorithm>
#include <string>

#include "base/file.hpp"

namespace ros::partitions {
namespace {

// Optical drives and floppies have hardware too, and nobody installs on them.
bool CanCarryAnOs(const std::string& name) {
  return !name.starts_with("sr") && !name.starts_with("fd");
}

}  // namespace

std::vector<std::filesystem::path> ListDisks(const SystemPaths& system) {
  const auto block = system.sys / "block";
  auto names = ListDirectory(block);
  std::erase_if(names, [&](const std::string& name) {
    return !CanCarryAnOs(name) || !std::filesystem::exists(block / name / "device");
  });
  std::ranges::sort(names);
  std::vector<std::filesystem::path> disks;
  disks.reserve(names.size());
  for (const auto& name : names) {
    disks.push_back(system.NodeOf(name));
  }
  return disks;
}

}  // namespace ros::partitions
