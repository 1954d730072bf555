#pragma once

#include <filesystem>
#include <string>

#include "bootloader/syslinux_install.hpp"
#include "bootloader/syslinux_store.hpp"

namespace ros::bootloader::test {

// A disk image as `ros install -t syslinux` lays it out, with two whole slots; slot a is good. The
// partitions for roots and state are empty.
class SyslinuxDisk {
 public:
  SyslinuxDisk(const std::filesystem::path& path, const SyslinuxParts& parts);
  // A copy of `other` at `path`.
  SyslinuxDisk(const std::filesystem::path& path, const SyslinuxDisk& other);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // Gives one file of the boot partition, "/a/kernel", another content, as an upgrade does: the
  // file keeps its place and its clusters.
  void Put(const std::string& path, const std::string& content) const;
  // Takes a file out of its folder. It cannot be Put again.
  void Remove(const std::string& path) const;

  // Where the boot state lies.
  [[nodiscard]] SyslinuxPlaces Places() const;

 private:
  [[nodiscard]] Region BootPartition() const;

  std::filesystem::path path_;
  Bytes boot_ = 0;  // where the boot partition starts
};

}  // namespace ros::bootloader::test
