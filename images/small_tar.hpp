#pragma once

#include <map>
#include <string>

namespace ros::images {

// A ustar of these files (name, content) in memory, with the same bytes for the same files: mode
// 0644, owner and time 0, its end mark and nothing behind it. Throws kFailed.
std::string MakeSmallTar(const std::map<std::string, std::string>& files);

}  // namespace ros::images
