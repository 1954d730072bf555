#pragma once

#include <map>
#include <string>

#include "base/bytes.hpp"
#include "base/json.hpp"

// Files with their sizes, as plans show them.
namespace ros::installer {

using FileSizes = std::map<std::string, Bytes>;

Bytes Sum(const FileSizes& sizes);

// One line a file, to go below a step of a plan; begins with a line feed, does not end with one.
std::string ListSizes(const FileSizes& sizes);

// A list of {KEY, "bytes"}.
Json SizesToJson(const FileSizes& sizes, std::string_view key);

}  // namespace ros::installer
