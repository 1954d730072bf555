#include "partitions/disk_list.hpp"

#include <algorithm>
#include <string>

#include "base/file.hpp"

namespace ros::partitions {
namespace {

// Parts of an eMMC that its firmware keeps apart, "mmcblk0boot0": a few MiB that no boot partition
// table is looked for in.
bool IsHardwarePartition(const std::string& name) {
  return name.starts_with("mmcblk") && name.find_first_of("bgr", 6) != std::string::npos;
}

// Optical drives and floppies have hardware too, and nobody installs on them.
bool CanCarryAnOs(const std::string& name) {
  return !name.starts_with("sr") && !name.starts_with("fd") && !IsHardwarePartition(name);
}

// One path of several to a disk (NVMe), which has no node of its own.
bool IsHidden(const std::filesystem::path& disk) {
  const auto attribute = disk / "hidden";
  constexpr Bytes kLongest = 16;
  return std::filesystem::exists(attribute) && ReadFile(attribute, kLongest).starts_with('1');
}

}  // namespace

std::vector<std::filesystem::path> ListDisks(const SystemPaths& system) {
  const auto block = system.sys / "block";
  auto names = ListDirectory(block);
  std::erase_if(names, [&](const std::string& name) {
    return !CanCarryAnOs(name) || !std::filesystem::exists(block / name / "device") ||
           IsHidden(block / name);
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
