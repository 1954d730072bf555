#include "base/block_device.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros {
namespace {

constexpr Bytes kAlignment = 4096;
constexpr std::uint32_t kFileSectorSize = 512;
constexpr std::uint32_t kLargeSectorSize = 4096;
constexpr std::string_view kGptMark = "EFI PART";
// How much an unaligned request is copied at a time.
constexpr Bytes kBounceSize = Bytes{1} << 20U;

bool IsAligned(Bytes offset, const std::byte* data, Bytes length) {
  return offset % kAlignment == 0 && length % kAlignment == 0 &&
         reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0;
}

struct Geometry {
  Bytes size = 0;
  std::uint32_t sector_size = kFileSectorSize;
};

// What a file's GPT header says by where it is.
std::uint32_t SectorSizeOfFile(int fd, const std::string& name, Bytes size) {
  const auto has_header_at = [&](Bytes offset) {
    std::array<std::byte, kGptMark.size()> mark{};
    if (offset + mark.size() > size) {
      return false;
    }
    ReadFull(fd, offset, mark, name);
    return AsText(mark) == kGptMark;
  };
  return !has_header_at(kFileSectorSize) && has_header_at(kLargeSectorSize) ? kLargeSectorSize
                                                                            : kFileSectorSize;
}

Geometry ReadGeometry(int fd, const std::string& name, std::optional<std::uint32_t> file_sectors) {
  struct stat status {};

  if (::fstat(fd, &status) != 0) {
    ThrowErrno("looking at " + name);
  }
  if (S_ISREG(status.st_mode)) {
    const auto size = static_cast<Bytes>(status.st_size);
    return {.size = size,
            .sector_size = file_sectors ? *file_sectors : SectorSizeOfFile(fd, name, size)};
  }
  if (!S_ISBLK(status.st_mode)) {
    throw Error(ErrorKind::kUsage, name + " is neither a block device nor a file");
  }
  Geometry geometry;
  int sector_size = 0;
  if (::ioctl(fd, BLKGETSIZE64, &geometry.size) != 0 || ::ioctl(fd, BLKSSZGET, &sector_size) != 0) {
    ThrowErrno("asking for the size of " + name);
  }
  geometry.sector_size = static_cast<std::uint32_t>(sector_size);
  return geometry;
}

UniqueFd OpenChecked(const std::filesystem::path& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY));
  if (fd.valid()) {
    return fd;
  }
  if (errno == EBUSY) {
    throw Error(ErrorKind::kRefused,
                path.string() + " is in use; unmount what is on it and try again");
  }
  if (errno == EROFS || (errno == EACCES && ::access(path.c_str(), R_OK) == 0)) {
    throw Error(ErrorKind::kRefused, path.string() + " is read-only");
  }
  ThrowErrno("opening " + path.string());
}

// Two descriptors of one file: `direct` for aligned transfers, `buffered` for those that are not
// and for file systems without O_DIRECT. Both are synced.
class FileDevice final : public BlockDevice {
 public:
  FileDevice(std::string name,
             UniqueFd buffered,
             UniqueFd direct,
             std::optional<std::uint32_t> file_sectors)
      : name_(std::move(name)),
        buffered_(std::move(buffered)),
        direct_(std::move(direct)),
        geometry_(ReadGeometry(buffered_.get(), name_, file_sectors)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Bytes size() const override { return geometry_.size; }

  [[nodiscard]] std::uint32_t sector_size() const override { return geometry_.sector_size; }

  void Read(Bytes offset, MutableByteSpan into) const override {
    CheckRange(offset, into.size());
    if (!direct_.valid()) {
      ReadFull(buffered_.get(), offset, into, name_);
      return;
    }
    if (IsAligned(offset, into.data(), into.size())) {
      ReadFull(direct_.get(), offset, into, name_);
      return;
    }
    ForEachAlignedPiece(offset, into.size(), [&](Bytes piece_offset, MutableByteSpan bounce) {
      ReadFull(direct_.get(), piece_offset, bounce, name_);
      const auto piece = Overlap(piece_offset, bounce.size(), offset, into.size());
      std::memcpy(into.data() + (piece.begin - offset),
                  bounce.data() + (piece.begin - piece_offset),
                  piece.end - piece.begin);
    });
  }

  void Write(Bytes offset, ByteSpan data) override {
    CheckRange(offset, data.size());
    if (!direct_.valid()) {
      WriteFull(buffered_.get(), offset, data, name_);
      return;
    }
    if (IsAligned(offset, data.data(), data.size())) {
      WriteFull(direct_.get(), offset, data, name_);
      return;
    }
    ForEachAlignedPiece(offset, data.size(), [&](Bytes piece_offset, MutableByteSpan bounce) {
      const auto piece = Overlap(piece_offset, bounce.size(), offset, data.size());
      const auto first = RoundDown(piece.begin, geometry_.sector_size);
      const auto last = RoundUp(piece.end, geometry_.sector_size);
      ReadFull(direct_.get(), piece_offset, bounce, name_);
      std::memcpy(bounce.data() + (piece.begin - piece_offset),
                  data.data() + (piece.begin - offset),
                  piece.end - piece.begin);
      // Only the sectors that change go out: a neighbour is never rewritten, not even with the same
      // bytes.
      WriteFull(direct_.get(), first, bounce.subspan(first - piece_offset, last - first), name_);
    });
  }

  void Sync() override {
    if (::fdatasync(buffered_.get()) != 0) {
      ThrowErrno("syncing " + name_);
    }
  }

 private:
  struct Range {
    Bytes begin;
    Bytes end;
  };

  static Range Overlap(Bytes a_offset, Bytes a_length, Bytes b_offset, Bytes b_length) {
    return {std::max(a_offset, b_offset), std::min(a_offset + a_length, b_offset + b_length)};
  }

  void CheckRange(Bytes offset, Bytes length) const {
    if (offset > geometry_.size || length > geometry_.size - offset) {
      throw Error(ErrorKind::kFailed,
                  name_ + ": bytes " + std::to_string(offset) + " to " +
                      std::to_string(offset + length) + " are beyond its end at " +
                      std::to_string(geometry_.size));
    }
  }

  // Walks the aligned pieces around [offset, offset + length), cut at the end of the device.
  template <typename Visit>
  void ForEachAlignedPiece(Bytes offset, Bytes length, Visit visit) const {
    const Bytes end = std::min(RoundUp(offset + length, kAlignment),
                               RoundDown(geometry_.size, geometry_.sector_size));
    if (offset + length > end) {
      throw Error(ErrorKind::kFailed, name_ + ": its size is not a whole number of sectors");
    }
    AlignedBuffer bounce(std::min(kBounceSize, RoundUp(length, kAlignment) + kAlignment));
    for (Bytes at = RoundDown(offset, kAlignment); at < end; at += bounce.size()) {
      visit(at, bounce.span().first(std::min(bounce.size(), end - at)));
    }
  }

  std::string name_;
  UniqueFd buffered_;
  UniqueFd direct_;
  Geometry geometry_;
};

std::shared_ptr<BlockDevice> Open(const std::filesystem::path& path,
                                  DeviceAccess access,
                                  std::optional<std::uint32_t> file_sectors) {
  int flags = access == DeviceAccess::kRead ? O_RDONLY : O_RDWR;
  // O_EXCL without O_CREAT asks for exclusive use of a block device and is undefined for a file.
  if (access == DeviceAccess::kExclusive && std::filesystem::is_block_file(path)) {
    flags |= O_EXCL;
  }
  auto buffered = OpenChecked(path, flags);
  // Through /proc, so that both descriptors are certainly of the same file.
  const auto again = "/proc/self/fd/" + std::to_string(buffered.get());
  UniqueFd direct(::open(again.c_str(), (flags & ~O_EXCL) | O_DIRECT | O_CLOEXEC));
  return std::make_shared<FileDevice>(
      path.string(), std::move(buffered), std::move(direct), file_sectors);
}

}  // namespace

Region::Region(std::shared_ptr<BlockDevice> device, Bytes offset, Bytes length)
    : device_(std::move(device)), offset_(offset), length_(length) {
  if (offset > device_->size() || length > device_->size() - offset) {
    throw Error(ErrorKind::kFailed,
                device_->name() + ": a region of " + FormatBytes(length) + " at " +
                    std::to_string(offset) + " is beyond its end");
  }
}

Region::Region(std::shared_ptr<BlockDevice> device) : device_(std::move(device)) {
  length_ = device_->size();
}

Region Region::Sub(Bytes offset, Bytes length) const {
  if (offset > length_ || length > length_ - offset) {
    throw Error(ErrorKind::kFailed,
                (device_ ? device_->name() : "no device") + ": a part of " + FormatBytes(length) +
                    " at " + std::to_string(offset) + " is outside of a region of " +
                    FormatBytes(length_));
  }
  return {device_, offset_ + offset, length};
}

void Region::Read(Bytes offset, MutableByteSpan into) const {
  const auto part = Sub(offset, into.size());
  device_->Read(part.offset_, into);
}

void Region::Write(Bytes offset, ByteSpan data) const {
  const auto part = Sub(offset, data.size());
  device_->Write(part.offset_, data);
}

void Region::Sync() const {
  device_->Sync();
}

AlignedBuffer::AlignedBuffer(Bytes size)
    : data_(static_cast<std::byte*>(::operator new (RoundUp(std::max<Bytes>(size, 1), kAlignment),
                                                    std::align_val_t{kAlignment}))),
      size_(size) {}

void AlignedBuffer::Free::operator()(std::byte* data) const {
  ::operator delete (data, std::align_val_t{kAlignment});
}

std::shared_ptr<BlockDevice> OpenBlockDevice(const std::filesystem::path& path,
                                             DeviceAccess access) {
  return Open(path, access, std::nullopt);
}

std::shared_ptr<BlockDevice> OpenBlankDevice(const std::filesystem::path& path,
                                             DeviceAccess access,
                                             std::uint32_t file_sector_size) {
  return Open(path, access, file_sector_size);
}

}  // namespace ros
