#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::testing {

// A disk in memory: a memfd that can neither grow nor shrink, as a disk cannot, with a path that
// real tools and libraries open. Its first and last `filled` bytes are 0xcc, so that what was not
// written shows; between them it is sparse and reads as zeros.
class MemoryDisk final : public BlockDevice {
 public:
  explicit MemoryDisk(Bytes size, std::uint32_t sector_size = 512, Bytes filled = Bytes{4} << 20U)
      : fd_(::memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING)),
        name_("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get())),
        size_(size),
        sector_size_(sector_size) {
    if (!fd_.valid() || ::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0 ||
        ::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
      ThrowErrno("making a disk in memory");
    }
    const std::vector<std::byte> stale(std::min(filled, size), std::byte{0xcc});
    Write(0, stale);
    Write(size - stale.size(), stale);
  }

  // Also a path: works in this process and in children of it.
  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Bytes size() const override { return size_; }

  [[nodiscard]] std::uint32_t sector_size() const override { return sector_size_; }

  void Read(Bytes offset, MutableByteSpan into) const override {
    ReadFull(fd_.get(), offset, into, name_);
  }

  void Write(Bytes offset, ByteSpan data) override { WriteFull(fd_.get(), offset, data, name_); }

  void Sync() override {}

 private:
  UniqueFd fd_;
  std::string name_;
  Bytes size_;
  std::uint32_t sector_size_;
};

}  // namespace ros::testing
