#include "installer/etc_room.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::installer {
namespace {

using namespace literals;  // NOLINT(google-build-using-namespace): literal operators only

// Those of ext4 as `ros install` makes it.
constexpr Bytes kBlock = 4_KiB;
// Lines of the journal, notes, directories of the overlay.
constexpr FileRoom kBeside{.bytes = 512_KiB, .files = 16};
// What ext4 keeps to itself of the blocks that it tells are free: this share of all, no more than
// that many (Linux, fs/ext4/super.c, ext4_calculate_resv_clusters).
constexpr std::uint64_t kReservedShare = 50;
constexpr std::uint64_t kMostReserved = 4096;

struct Attributes {
  mode_t mode = 0;
  uid_t owner = 0;
  gid_t group = 0;
  Bytes size = 0;
  std::int64_t modified = 0;

  bool operator==(const Attributes&) const = default;
};

// The same of an overlay and of what is below it. The size and the time of a directory are its file
// system's business.
Attributes Comparable(Attributes of) {
  if (S_ISDIR(of.mode)) {
    of.size = 0;
    of.modified = 0;
  }
  return of;
}

Attributes Of(const images::ErofsEntry& entry) {
  return Comparable({.mode = entry.mode,
                     .owner = entry.owner,
                     .group = entry.group,
                     .size = entry.size,
                     .modified = entry.modified});
}

Attributes Of(const struct stat& status) {
  return Comparable({.mode = status.st_mode,
                     .owner = status.st_uid,
                     .group = status.st_gid,
                     .size = static_cast<Bytes>(status.st_size),
                     .modified = status.st_mtim.tv_sec});
}

// Adds up what a layer over the image holds.
class Layer {
 public:
  explicit Layer(const images::ErofsBytes& image) {
    images::ReadErofsBelow(image, "etc", [&](const images::ErofsEntry& entry) {
      image_.emplace(entry.path, Of(entry));
    });
  }

  // What the machine has at `path`, relative to its root.
  void See(const std::filesystem::path& path, const Attributes& found) {
    const auto in_image = image_.extract(path.string());
    if (!in_image.empty() && in_image.mapped() == found) {
      return;
    }
    if (S_ISDIR(found.mode)) {
      AddDirectories(path);
      return;
    }
    AddDirectories(path.parent_path());
    ++room_.files;
    room_.bytes += RoundUp(found.size, kBlock);
  }

  // Where all was seen: what was not is removed, for which a layer has a node, and none for what
  // was below it.
  [[nodiscard]] FileRoom Finish() {
    for (const auto& [path, attributes] : image_) {
      const auto parent = std::filesystem::path(path).parent_path();
      if (!image_.contains(parent.string())) {
        AddDirectories(parent);
        ++room_.files;
      }
    }
    room_.files += directories_.size();
    room_.bytes += directories_.size() * kBlock;
    return room_;
  }

 private:
  void AddDirectories(std::filesystem::path path) {
    for (; !path.empty(); path = path.parent_path()) {
      directories_.insert(path.string());
    }
  }

  std::map<std::string, Attributes> image_;
  std::set<std::string> directories_;
  FileRoom room_;
};

// What is mounted below /etc is no part of it.
void See(const std::filesystem::path& root, Layer& layer) {
  std::vector<std::filesystem::path> left = {"etc"};
  std::optional<dev_t> device;
  while (!left.empty()) {
    const auto path = left.back();
    left.pop_back();

    struct stat status {};

    if (::lstat((root / path).c_str(), &status) != 0) {
      if (errno == ENOENT) {
        continue;  // it went away meanwhile
      }
      ThrowErrno("looking at " + (root / path).string());
    }
    if (S_ISSOCK(status.st_mode)) {
      continue;  // nobody copies that
    }
    layer.See(path, Of(status));
    // An overlay has a device of its own for all its directories.
    if (S_ISDIR(status.st_mode) && status.st_dev == device.value_or(status.st_dev)) {
      device = status.st_dev;
      for (const auto& name : ListDirectory(root / path)) {
        left.push_back(path / name);
      }
    }
  }
}

std::string Text(const FileRoom& room) {
  return FormatBytes(room.bytes) + " and " + std::to_string(room.files) + " files";
}

}  // namespace

std::string EtcRoom::Lack() const {
  if (needed.bytes + kBeside.bytes <= free.bytes && needed.files + kBeside.files <= free.files) {
    return {};
  }
  return "a trial begins with a copy of what this machine has changed in /etc, " + Text(needed) +
         ", and the state partition has " + Text(free) +
         " left; make room below /var, /home, /root, /opt or /srv, then upgrade";
}

FileRoom MeasureEtcCopy(const images::ErofsBytes& image, const std::filesystem::path& root) {
  Layer layer(image);
  See(root, layer);
  return layer.Finish();
}

FileRoom FreeRoom(const std::filesystem::path& directory) {
  struct statvfs status {};

  if (::statvfs(directory.c_str(), &status) != 0) {
    ThrowErrno("looking at " + directory.string());
  }
  const auto reserved = std::min<std::uint64_t>(status.f_blocks / kReservedShare, kMostReserved);
  const auto blocks = status.f_bfree - std::min<std::uint64_t>(status.f_bfree, reserved);
  return {.bytes = blocks * status.f_frsize, .files = status.f_ffree};
}

}  // namespace ros::installer
