#include "partitions/ros_disk.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "partitions/partition_search.hpp"
#include "partitions/partition_table.hpp"
#include "partitions/system_facts.hpp"

namespace ros::partitions {
namespace {

// Number and name have to agree: a partition of somebody else's that happens to have our name is
// not ours.
const FoundPartition& FindRole(const PartitionTable& table,
                               PartitionRole role,
                               const std::string& disk) {
  for (const auto& partition : table.partitions) {
    if (partition.number == PartitionNumber(role) && partition.name == PartitionName(role)) {
      return partition;
    }
  }
  throw Error(ErrorKind::kRefused,
              disk + " has no partition " + std::string(PartitionName(role)) +
                  "; was ros installed on it?");
}

// Whether two paths name one disk. (std::filesystem::equivalent says of two device nodes that they
// are not, with an error.)
bool IsSameDisk(const std::filesystem::path& a, const std::filesystem::path& b) {
  struct stat first {};

  struct stat second {};

  if (::stat(a.c_str(), &first) != 0 || ::stat(b.c_str(), &second) != 0) {
    return false;
  }
  if (S_ISBLK(first.st_mode) && S_ISBLK(second.st_mode)) {
    return first.st_rdev == second.st_rdev;
  }
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// The node that the kernel made of a partition of this disk. Not by UUID: both lists were read from
// the disk, one after the other, and a first boot changes all UUIDs in between.
const PartitionNode* NodeFor(const std::vector<PartitionNode>& nodes,
                             const std::filesystem::path& disk,
                             const FoundPartition& partition) {
  for (const auto& node : nodes) {
    if (node.number == partition.number && node.offset == partition.offset &&
        IsSameDisk(node.disk, disk)) {
      return &node;
    }
  }
  return nullptr;
}

RosDisk MakeRosDisk(const std::filesystem::path& path,
                    const PartitionTable& table,
                    const std::vector<PartitionNode>& nodes) {
  if (table.type != TableType::kGpt) {
    throw Error(ErrorKind::kRefused,
                path.string() + " has no GPT partition table; was ros installed on it?");
  }
  RosDisk disk{.path = path, .uuid = table.uuid};
  for (const auto role : kPartitionRoles) {
    const auto& found = FindRole(table, role, path.string());
    RosPartition partition{.role = role,
                           .uuid = found.uuid,
                           .path = path,
                           .offset = found.offset,
                           .length = found.length};
    const auto* node = NodeFor(nodes, path, found);
    // What starts from it is told where it is on the disk, by the disk's first sector.
    if (node != nullptr && role != PartitionRole::kBios) {
      partition.path = node->node;
      partition.offset = 0;
      partition.length = node->length;
      partition.device_number = node->device_number;
    }
    disk.partitions.push_back(std::move(partition));
  }
  return disk;
}

void RefuseWhenMounted(const RosPartition& partition, const SystemPaths& system) {
  if (partition.device_number.empty()) {
    return;
  }
  for (const auto& mount : ListMounts(system)) {
    if (mount.device_number == partition.device_number && mount.writable) {
      throw Error(ErrorKind::kRefused,
                  partition.path.string() + " (" + std::string(PartitionName(partition.role)) +
                      ") is mounted read-write at " + mount.mount_point +
                      "; unmount it and try again");
    }
  }
}

}  // namespace

const RosPartition& RosDisk::Get(PartitionRole role) const {
  return partitions.at(static_cast<std::size_t>(PartitionNumber(role) - 1));
}

RosDisk OpenRosDisk(const std::filesystem::path& path,
                    const SystemPaths& system,
                    const DeviceOpener& opener) {
  const auto table = ReadPartitionTable(*opener(path, DeviceAccess::kRead));
  const bool block = std::filesystem::is_block_file(path);
  return MakeRosDisk(path, table, block ? ListPartitions(system) : std::vector<PartitionNode>());
}

RosDisk FindRosDisk(std::string_view state_device, const SystemPaths& system) {
  const auto nodes = ListPartitions(system);
  const auto state = std::ranges::find(nodes, state_device, &PartitionNode::device_number);
  if (state == nodes.end()) {
    throw Error(ErrorKind::kRefused,
                "the device " + std::string(state_device) +
                    ", which holds the state, is no partition of a GPT disk");
  }
  const auto device = OpenBlockDevice(state->disk, DeviceAccess::kRead);
  auto disk = MakeRosDisk(state->disk, ReadPartitionTable(*device), nodes);
  if (disk.Get(PartitionRole::kState).device_number != state_device) {
    throw Error(ErrorKind::kRefused,
                state->node + " holds the state and is not " +
                    std::string(PartitionName(PartitionRole::kState)) + " of " + state->disk);
  }
  return disk;
}

Region OpenPartition(const RosDisk& disk,
                     PartitionRole role,
                     DeviceAccess access,
                     const SystemPaths& system,
                     const DeviceOpener& opener) {
  const auto& partition = disk.Get(role);
  if (role == PartitionRole::kBoot && access != DeviceAccess::kRead) {
    RefuseWhenMounted(partition, system);
  }
  return Region(opener(partition.path, access), partition.offset, partition.length);
}

}  // namespace ros::partitions
