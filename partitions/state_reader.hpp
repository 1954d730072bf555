#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace ros::partitions {

// Where a file system that nobody has mounted lies.
struct FileSystemPlace {
  std::filesystem::path disk;
  Bytes offset = 0;
  Bytes length = 0;
};

// What could be read of it without writing.
struct StateFileRead {
  std::map<std::string, std::string> files;  // by name; those that are not there are left out
  // Its journal holds what was not written to its place yet (the power went): files may be seen as
  // they were some seconds earlier.
  bool journal_pending = false;
};

// Reads files of one directory of an ext4 with debugfs, which neither writes nor replays the
// journal. `directory` and `names` are ours: letters, digits, `-_./`. What the file system holds is
// not believed: only regular files of at most 1 MiB are read. Throws kRefused, saying what to do,
// when it is no ext4, has errors that e2fsck should see first, or has no such directory.
StateFileRead ReadStateFiles(const FileSystemPlace& place,
                             const std::string& directory,
                             const std::vector<std::string>& names);

}  // namespace ros::partitions
