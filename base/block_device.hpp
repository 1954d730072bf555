#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"

namespace ros {

// Bytes on a disk, or in a file that stands for one. Everything that `ros` writes to a disk goes
// through this interface, which is what lets a test record each write and cut the power at it.
class BlockDevice {
 public:
  BlockDevice() = default;
  BlockDevice(const BlockDevice&) = delete;
  BlockDevice& operator=(const BlockDevice&) = delete;
  BlockDevice(BlockDevice&&) = delete;
  BlockDevice& operator=(BlockDevice&&) = delete;
  virtual ~BlockDevice() = default;

  // What it is called in messages: a path.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual Bytes size() const = 0;
  // Bytes of one logical sector: the unit that a power cut leaves whole.
  [[nodiscard]] virtual std::uint32_t sector_size() const = 0;

  // Reads `into.size()` bytes at `offset`; throws kFailed, also when that is beyond the end. May be
  // called from several threads at once, and while other sectors are written.
  virtual void Read(Bytes offset, MutableByteSpan into) const = 0;
  // Hands `data` to the device. In place: a sector that is not touched keeps its bytes. Durable
  // after the next Sync(); until then a power cut may keep any subset of the sectors.
  virtual void Write(Bytes offset, ByteSpan data) = 0;
  // Returns when all that was written before is durable. Others may read and write meanwhile.
  virtual void Sync() = 0;
};

// A range of a device: a partition, a file's clusters, one sector. Cheap to copy; keeps its device
// open. Reading or writing outside of it is a bug of ours and throws.
class Region {
 public:
  Region() = default;
  // Throws kFailed when the range is not inside the device.
  Region(std::shared_ptr<BlockDevice> device, Bytes offset, Bytes length);
  // The whole device.
  explicit Region(std::shared_ptr<BlockDevice> device);

  [[nodiscard]] Bytes offset() const { return offset_; }

  [[nodiscard]] Bytes length() const { return length_; }

  [[nodiscard]] const std::shared_ptr<BlockDevice>& device() const { return device_; }

  // A range of this region; `offset` counts from the region's start. Throws as the constructor.
  [[nodiscard]] Region Sub(Bytes offset, Bytes length) const;

  // As the device's, with `offset` counted from the region's start.
  void Read(Bytes offset, MutableByteSpan into) const;
  void Write(Bytes offset, ByteSpan data) const;
  void Sync() const;

 private:
  std::shared_ptr<BlockDevice> device_;
  Bytes offset_ = 0;
  Bytes length_ = 0;
};

enum class DeviceAccess {
  kRead,       // O_RDONLY
  kWrite,      // O_RDWR
  kExclusive,  // O_RDWR | O_EXCL: fails (kRefused) while a block device is mounted or held
};

// Memory for O_DIRECT: aligned to 4096 bytes.
class AlignedBuffer {
 public:
  explicit AlignedBuffer(Bytes size);

  [[nodiscard]] MutableByteSpan span() { return {data_.get(), size_}; }

  [[nodiscard]] ByteSpan span() const { return {data_.get(), size_}; }

  [[nodiscard]] Bytes size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };

  std::unique_ptr<std::byte, Free> data_;
  Bytes size_ = 0;
};

// A block device or a regular file, written around the page cache (O_DIRECT) where the file system
// can do it. Writes that are whole aligned sectors go out as they are; others read the sectors
// around them first. A file's sectors are as large as its GPT was written for: 4096 bytes where a
// header of one (UEFI 2.10, section 5.3.2) lies at that offset and at no smaller one, else 512.
// Throws kRefused for a read-only device, kFailed otherwise.
std::shared_ptr<BlockDevice> OpenBlockDevice(const std::filesystem::path& path,
                                             DeviceAccess access);

// As above, for what gets a new table: the sectors of a file are `file_sector_size` bytes, whatever
// is in it. A block device has its own.
std::shared_ptr<BlockDevice> OpenBlankDevice(const std::filesystem::path& path,
                                             DeviceAccess access,
                                             std::uint32_t file_sector_size);

}  // namespace ros
