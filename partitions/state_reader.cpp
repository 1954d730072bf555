#include "partitions/state_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "partitions/ext4_superblock.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_MiB;

constexpr std::uint32_t kNeedsRecovery = 4;

constexpr Bytes kLargestFile = 1_MiB;

std::string NameOf(const FileSystemPlace& place) {
  return "ROS-STATE of " + place.disk.string();
}

// True when the journal has to be replayed.
bool CheckSuperblock(const FileSystemPlace& place) {
  std::array<std::byte, 1024> superblock{};
  const auto disk = OpenBlockDevice(place.disk, DeviceAccess::kRead);
  Region(disk, place.offset, place.length).Read(kExt4Superblock, superblock);
  if (LoadLe16(superblock, kExt4MagicPlace) != kExt4Magic) {
    throw Error(ErrorKind::kRefused, NameOf(place) + " is damaged: it holds no ext4");
  }
  if ((LoadLe16(superblock, kExt4StatePlace) & kExt4HasErrors) != 0) {
    throw Error(ErrorKind::kRefused,
                NameOf(place) +
                    " is damaged: its file system has errors; repair it with e2fsck "
                    "first");
  }
  return (LoadLe32(superblock, kExt4IncompatiblePlace) & kNeedsRecovery) != 0;
}

std::string Debugfs(const FileSystemPlace& place, const std::string& request) {
  if (place.disk.string().find('?') != std::string::npos) {
    throw Error(ErrorKind::kUsage,
                place.disk.string() + ": debugfs takes no name with a question mark");
  }
  const auto result =
      RunProcess({.argv = {"debugfs",
                           "-R",
                           request,
                           place.disk.string() + "?offset=" + std::to_string(place.offset)},
                  .output_limit = kLargestFile + 1});
  if (result.exit_code != 0) {
    throw Error(ErrorKind::kRefused,
                NameOf(place) + " cannot be read (debugfs, exit " +
                    std::to_string(result.exit_code) + "): " + result.err);
  }
  return result.out;
}

// A line of `ls -p`: "/INODE/MODE/UID/GID/NAME/SIZE/".
struct Listed {
  std::string mode;
  std::string name;
  std::string size;
};

std::vector<Listed> List(const FileSystemPlace& place, const std::string& directory) {
  std::vector<Listed> all;
  std::istringstream lines(Debugfs(place, "ls -p " + directory));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::array<std::string, 7> field;
    for (auto& text : field) {
      std::getline(fields, text, '/');
    }
    all.push_back({.mode = field[2], .name = field[5], .size = field[6]});
  }
  return all;
}

bool IsSmallRegularFile(const Listed& entry) {
  Bytes size = 0;
  const auto* end = entry.size.data() + entry.size.size();
  const auto [at, code] = std::from_chars(entry.size.data(), end, size);
  return entry.mode.starts_with("100") && code == std::errc() && at == end && size <= kLargestFile;
}

}  // namespace

StateFileRead ReadStateFiles(const FileSystemPlace& place,
                             const std::string& directory,
                             const std::vector<std::string>& names) {
  StateFileRead result{.journal_pending = CheckSuperblock(place)};
  const auto entries = List(place, directory);
  if (entries.empty()) {
    throw Error(ErrorKind::kRefused,
                NameOf(place) + " is damaged or another's: it has no directory " + directory);
  }
  for (const auto& entry : entries) {
    if (std::ranges::find(names, entry.name) == names.end()) {
      continue;
    }
    if (!IsSmallRegularFile(entry)) {
      throw Error(ErrorKind::kRefused,
                  NameOf(place) + ": " + directory + "/" + entry.name + " is not a small file");
    }
    result.files[entry.name] = Debugfs(place, "cat " + directory + "/" + entry.name);
  }
  return result;
}

}  // namespace ros::partitions
