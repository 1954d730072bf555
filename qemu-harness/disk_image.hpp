#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/file.hpp"

namespace ros::qemu {

// A partition as the GUID partition table has it. Read here by hand (UEFI 2.10, section 5.3), so
// that the code under test is not judged by itself.
struct Partition {
  std::string name;
  std::string uuid;  // PARTUUID, lower case
  Bytes offset = 0;
  Bytes length = 0;
};

// A disk image file below RunDirectory(), gone with this object.
class DiskImage {
 public:
  // Empty and sparse.
  explicit DiskImage(Bytes size);
  // A copy of a file, sparse where that is.
  explicit DiskImage(const std::filesystem::path& original);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // SHA-256 of the whole file, hex.
  [[nodiscard]] std::string Checksum() const;

  // Bytes that the host keeps for the file: what was never written takes none.
  [[nodiscard]] Bytes Allocated() const;

  [[nodiscard]] std::vector<Partition> Partitions() const;

  // The partition of that name; throws when there is none.
  [[nodiscard]] Partition FindPartition(std::string_view name) const;

  // Turns every byte of the range into its complement, which no check can miss.
  void Damage(Bytes offset, Bytes length);

  // As above, for the first 4 KiB of each 64 KiB of a partition: whatever is read, it is soon hit.
  void DamageAllOver(const Partition& partition);

  [[nodiscard]] std::string Read(Bytes offset, Bytes length) const;
  void Write(Bytes offset, std::string_view data);

 private:
  TempDirectory directory_;
  std::filesystem::path path_;
};

// A disk that carries files into a guest without a network: an erofs that the guest mounts at
// /run/images. Each file is known there by its own name.
DiskImage MakeFileDisk(const std::vector<std::filesystem::path>& files);

}  // namespace ros::qemu
