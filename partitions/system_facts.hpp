#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "partitions/disk_facts.hpp"
#include "partitions/system_paths.hpp"

// What the kernel tells about block devices in /sys and /proc. Private to this folder.
namespace ros::partitions {

struct MountedDevice {
  std::string device_number;  // "8:2"; "0:..." for file systems without a device of their own
  std::string source;         // "/dev/sda2"
  std::string mount_point;
  bool writable = false;  // the file system itself, whatever this one mount point allows
};

// proc(5), /proc/self/mountinfo.
std::vector<MountedDevice> ListMounts(const SystemPaths& system);

// Fills kind, size, sector sizes, read_only, removable, model, serial, transport, node,
// location, parent and in_use
// of the block device with this number ("8:0").
void AddSystemFacts(DiskFacts& facts, const std::string& device_number, const SystemPaths& system);

// Why a file may not be written to: a loop device is attached to it. `file` is absolute.
std::vector<std::string> UsersOfFile(const std::filesystem::path& file, const SystemPaths& system);

}  // namespace ros::partitions
