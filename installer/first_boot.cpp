#include "installer/first_boot.hpp"

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

void FinishFirstBoot(const Machine& machine, const FirstBootMeans& means) {
  const auto mark = machine.state / kFirstBootMark;
  if (machine.state.empty() || !std::filesystem::exists(mark)) {
    return;
  }
  InContext("giving this copy of a disk image its own UUIDs", [&] {
    const auto change = NewIdentity(means.seed);
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
