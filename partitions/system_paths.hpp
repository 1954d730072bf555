#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

namespace ros::partitions {

// Where the kernel tells about devices and mounts; tests bring a tree of their own.
struct SystemPaths {
  std::filesystem::path sys = "/sys";
  std::filesystem::path proc = "/proc";
  std::filesystem::path dev = "/dev";

  // The node of a block device by its name in sysfs, which writes a slash as '!': "cciss!c0d0" is
  // /dev/cciss/c0d0.
  [[nodiscard]] std::filesystem::path NodeOf(std::string name) const {
    std::replace(name.begin(), name.end(), '!', '/');
    return dev / name;
  }
};

}  // namespace ros::partitions
