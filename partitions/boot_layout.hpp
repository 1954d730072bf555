#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// /LAYOUT.ROS of the boot partition: where each file was put when it was made. Text, one line a
// file, after a first line that names the format:
//   ros-boot-layout 1
//   /A/KERNEL 40 8192
// (path, first cluster, number of clusters). `fsck.vfat -a` takes the spare clusters from a file
// that is shorter than its allocation, and all of them, the place of the file too, from an empty
// one; this file is as long as its allocation is and survives. Private to this folder.
namespace ros::partitions {

inline constexpr std::string_view kLayoutPath = "/LAYOUT.ROS";

struct PlacedFile {
  std::string path;
  std::uint32_t first_cluster = 0;
  std::uint32_t clusters = 0;

  bool operator==(const PlacedFile&) const = default;
};

std::string FormatBootLayout(const std::vector<PlacedFile>& files);

// Throws kFailed naming the line. At most 100 files.
std::vector<PlacedFile> ParseBootLayout(std::string_view text);

}  // namespace ros::partitions
