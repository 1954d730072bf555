#pragma once

#include <string>
#include <vector>

#include "base/slot.hpp"

namespace ros::init {

enum class MountKind { kFileSystem, kBind, kMove };

// One mount below the new root, as data.
struct MountStep {
  MountKind kind = MountKind::kFileSystem;
  std::string source;
  std::string target;
  std::string type;     // of a file system
  std::string options;  // of a file system
  // A mount point that is missing, or that the image has made a symbolic link, is passed over.
  bool optional = false;

  bool operator==(const MountStep&) const = default;
};

// Where things are mounted before the new root becomes /.
inline constexpr const char* kRootDirectory = "/sysroot";
inline constexpr const char* kStateDirectory = "/state";

// Directories that live on the state partition, the same for both slots, each filled once from the
// image's own content.
inline const std::vector<std::string>& SharedDirectories() {
  static const std::vector<std::string> names = {"var", "home", "root", "opt", "srv"};
  return names;
}

// What is mounted over the read-only root, in order: the overlay of /etc for `slot`, the shared
// directories, /ros, tmpfs on /run and /tmp; then /dev, /proc and /sys move there. Pure.
std::vector<MountStep> PlanMounts(SlotId slot);

// Does one step. Throws kFailed naming the target.
void Mount(const MountStep& step);

// Mounts a block device. Throws kFailed "mounting DEVICE as TYPE: why".
void MountDevice(const std::string& device,
                 const std::string& target,
                 const std::string& type,
                 unsigned long flags,
                 const std::string& options);

// mkdir, no error when it exists.
void MakeDirectory(const std::string& path, unsigned mode);

// The kernel's own file systems, in the initrd: /proc, /sys, /dev.
void MountKernelFileSystems();

}  // namespace ros::init
