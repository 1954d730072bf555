#pragma once

#include <functional>
#include <string>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"

// Private to this folder.
namespace ros::partitions {

// A sparse file in memory that stands for a disk or a partition while a tool or a library works on
// it; what it wrote is then carried to the disk through BlockDevice.
class ScratchFile {
 public:
  explicit ScratchFile(Bytes size);

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Opens in this process and in its children.
  [[nodiscard]] const std::string& path() const { return path_; }

  void Read(Bytes offset, MutableByteSpan into) const;
  void Write(Bytes offset, ByteSpan data);

  // Calls `visit` for each piece that was written (whole pages, at most 1 MiB, in order). The span
  // is aligned for O_DIRECT and lives for the call alone.
  void ForEachWritten(const std::function<void(Bytes offset, ByteSpan data)>& visit) const;

 private:
  UniqueFd fd_;
  std::string path_;
  Bytes size_;
};

}  // namespace ros::partitions
