#pragma once

#include <filesystem>

namespace ros::partitions {

// Where the kernel tells about devices and mounts; tests bring a tree of their own.
struct SystemPaths {
  std::filesystem::path sys = "/sys";
  std::filesystem::path proc = "/proc";
  std::filesystem::path dev = "/dev";
};

}  // namespace ros::partitions
