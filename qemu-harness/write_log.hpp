#pragma once

#include <filesystem>
#include <vector>

#include "qemu-harness/disk_image.hpp"

namespace ros::qemu {

// One write that a guest, or the boot loader in it, made to its disk.
struct LoggedWrite {
  Bytes offset = 0;  // on the disk
  Bytes length = 0;
  Bytes log_offset = 0;  // where the data is in the log
};

// What QEMU's blklogwrites driver recorded (the format of Linux's dm-log-writes): the writes in the
// order in which they reached the disk, discards and flushes left out.
class WriteLog {
 public:
  // Reads a log that QEMU has closed. Throws kFailed when it is none.
  explicit WriteLog(std::filesystem::path file);

  [[nodiscard]] const std::vector<LoggedWrite>& writes() const { return writes_; }

  // Does this write to a disk image that has had all writes before it.
  void Replay(const LoggedWrite& write, DiskImage& disk) const;

 private:
  std::filesystem::path file_;
  std::vector<LoggedWrite> writes_;
};

}  // namespace ros::qemu
