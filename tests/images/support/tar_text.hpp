#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ros::images::testing {

// One entry of a tar, hostile ones too: nothing is checked.
struct TarEntry {
  std::string path;
  char type = '0';  // ustar's: 0 file, 1 hard link, 2 symbolic link, 3/4 device, 5 directory
  std::string content;
  std::string link;
  unsigned mode = 0644;
  unsigned owner = 0;
  unsigned group = 0;
  long long modified = 1'600'000'000;
  unsigned major = 0;
  unsigned minor = 0;
  std::vector<std::pair<std::string, std::string>> pax;  // records of a pax header before it
};

// A ustar of these entries, with its end.
std::string MakeTar(const std::vector<TarEntry>& entries);

}  // namespace ros::images::testing
