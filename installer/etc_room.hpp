#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "images/erofs_reader.hpp"

namespace ros::installer {

// What files take of a file system, or what it has left.
struct FileRoom {
  Bytes bytes = 0;
  std::uint64_t files = 0;  // directories and links too

  bool operator==(const FileRoom&) const = default;
};

// The copy that a trial begins with of what the machine has changed in /etc (init/README.md,
// `etc_layer`), and what the state partition has for it. Without room each try would fail.
struct EtcRoom {
  FileRoom needed;
  FileRoom free;

  // One sentence for people; empty where the copy fits, with what else a boot writes.
  [[nodiscard]] std::string Lack() const;

  bool operator==(const EtcRoom&) const = default;
};

// What of the /etc below `root` ("/") is not as `image`, the root of the running slot, has it: by
// kind, owner, mode, size and time of each file, whole blocks, the directories that lead there, and
// what of the image was removed. Throws kFailed, and as ReadErofs does.
FileRoom MeasureEtcCopy(const images::ErofsBytes& image, const std::filesystem::path& root);

// What the file system of `directory`, an ext4, has left for root. Throws kFailed.
FileRoom FreeRoom(const std::filesystem::path& directory);

}  // namespace ros::installer
