#include "installer/first_boot.hpp"

#include <sstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/journal.hpp"
#include "partitions/layout_plan.hpp"
#include "partitions/table_change.hpp"

namespace ros::installer {
namespace {

partitions::TableChange NewIdentity(const std::string& seed) {
  partitions::TableChange change{.disk_uuid = partitions::UuidFromSeed(seed, "disk")};
  for (const auto role : partitions::kPartitionRoles) {
    change.partition_uuids.push_back(
        partitions::UuidFromSeed(seed, partitions::PartitionName(role)));
  }
  return change;
}

// STATE/instance: the state partition's UUID, and the name that the installation keeps under it.
constexpr const char* kInstanceFile = "instance";
constexpr Bytes kInstanceLimit = 256;

std::string UuidOf(const partitions::TableChange& change, partitions::PartitionRole role) {
  return change.partition_uuids.at(static_cast<std::size_t>(PartitionNumber(role)) - 1);
}

void RemoveDurably(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::remove(path, code);
  if (code) {
    ThrowErrno("removing " + path.string(), code.value());
  }
  SyncDirectory(path.parent_path());
}

}  // namespace

bool LeavesFirstBootMark(partitions::TargetKind target) {
  return target == partitions::TargetKind::kMissing || target == partitions::TargetKind::kImageFile;
}

std::string InstanceName(const std::filesystem::path& state, std::string_view state_partition) {
  const auto path = state / kInstanceFile;
  if (std::filesystem::exists(path)) {
    std::istringstream words(ReadFile(path, kInstanceLimit));
    std::string uuid;
    std::string name;
    if (words >> uuid >> name && uuid == state_partition) {
      return name;
    }
  }
  return std::string(state_partition);
}

void FinishFirstBoot(const Machine& machine, const FirstBootMeans& means) {
  const auto mark = machine.state / kFirstBootMark;
  if (machine.state.empty() || !std::filesystem::exists(mark)) {
    return;
  }
  if (means.loader == bootloader::LoaderKind::kSyslinux) {
    health::Journal(machine.state, means.clock)
        .Append({.slot = machine.running.value().slot,
                 .reason =
                     "first boot of this copy of a disk: it keeps the UUIDs of the original, which "
                     "syslinux starts it by"});
    RemoveDurably(mark);
    return;
  }
  InContext("giving this copy of a disk image its own UUIDs", [&] {
    const auto change = NewIdentity(means.seed);
    // Before the change: what was done once in this boot is not to be done again in the next.
    const auto name = InstanceName(machine.state, machine.running.value().state_partition);
    WriteFileAtomically(
        machine.state / kInstanceFile,
        AsBytes(UuidOf(change, partitions::PartitionRole::kState) + " " + name + "\n"));
    partitions::ChangePartitionTable(*means.open(machine.disk.path, DeviceAccess::kWrite), change);
    health::Journal(machine.state, means.clock)
        .Append({.slot = machine.running.value().slot,
                 .reason = "first boot of this copy of a disk image: the UUID of the disk was " +
                           machine.disk.uuid + " and is " + change.disk_uuid});
    // Last: without it nobody would give this copy its UUIDs after a power cut.
    RemoveDurably(mark);
  });
}

}  // namespace ros::installer
