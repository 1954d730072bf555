#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_device.hpp"
#include "partitions/partition_role.hpp"
#include "partitions/system_paths.hpp"

namespace ros::partitions {

// How devices are opened; crash tests bring their own.
using DeviceOpener = std::function<std::shared_ptr<BlockDevice>(const std::filesystem::path& path,
                                                                DeviceAccess access)>;

struct RosPartition {
  PartitionRole role = PartitionRole::kBios;
  std::string uuid;            // PARTUUID, lower case
  std::filesystem::path path;  // its node, or the disk image
  Bytes offset = 0;            // in `path`: 0 for a node
  Bytes length = 0;
  std::string device_number;  // "8:2"; empty in a file

  bool operator==(const RosPartition&) const = default;
};

// A disk that `ros` has installed to: where its five partitions are. Plain data; Open... opens.
struct RosDisk {
  std::filesystem::path path;
  std::string uuid;
  std::vector<RosPartition> partitions;  // kPartitionRoles, in this order

  [[nodiscard]] const RosPartition& Get(PartitionRole role) const;

  bool operator==(const RosDisk&) const = default;
};

// A disk image, or a whole disk that this machine does not run from. Partitions of a block device
// are used through their nodes where the kernel has made them, but for ROS-BIOS, which is a range
// of the whole disk: its content depends on where it is. Throws kRefused when there is no GPT, or
// not our five partitions in it: "/dev/sdb has no partition ROS-A; was ros installed here?"
RosDisk OpenRosDisk(const std::filesystem::path& path,
                    const SystemPaths& system = {},
                    const DeviceOpener& opener = OpenBlockDevice);

// The disk that has its ROS-STATE at this device number ("8:5", what a mounted file system tells).
// Not by UUID: those of a copied disk change while it runs, and the command line of the running
// kernel then has what another copy may still have. Throws kRefused when there is no such disk.
RosDisk FindRosDisk(std::string_view state_device, const SystemPaths& system = {});

// One partition as a region. Opened for this call alone, so that a slot that is not to be written
// is never open for writing. Throws kRefused when ROS-BOOT is to be written and is mounted
// read-write somewhere ("unmount /boot").
Region OpenPartition(const RosDisk& disk,
                     PartitionRole role,
                     DeviceAccess access,
                     const SystemPaths& system = {},
                     const DeviceOpener& opener = OpenBlockDevice);

}  // namespace ros::partitions
