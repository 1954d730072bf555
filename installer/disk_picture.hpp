#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace ros::installer {

// One piece of a disk, in the order in which they lie on it. An empty label is free space.
struct PicturePart {
  std::string label;
  Bytes length = 0;
};

// How many of `width` columns each part gets: to scale, at least one each, all of them together
// exactly `width` (which is at least the number of parts).
std::vector<std::size_t> ScaleParts(const std::vector<PicturePart>& parts, std::size_t width);

// The disk as a bar to scale, three lines:
//   +-+--------+----------+----------+-----------------------------+
//   | |ROS-BOOT|ROS-A     |ROS-B     |ROS-STATE                    |
//   +-+--------+----------+----------+-----------------------------+
// A label that does not fit is cut; one that would keep fewer than three letters is left out.
std::string DrawDisk(const std::vector<PicturePart>& parts, std::size_t width = 78);

// A table with a header row; columns are as wide as their longest cell, two spaces apart. Columns
// whose header begins with '>' are set flush right.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace ros::installer
