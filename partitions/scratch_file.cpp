#include "partitions/scratch_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::partitions {
namespace {

constexpr std::string_view kName = "the scratch file";
constexpr Bytes kCopyPiece = Bytes{1} << 20U;

}  // namespace

ScratchFile::ScratchFile(Bytes size)
    : fd_(::memfd_create("ros-scratch", MFD_CLOEXEC)),
      path_("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get())),
      size_(size) {
  if (!fd_.valid() || ::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
    ThrowErrno("making a scratch file of " + FormatBytes(size));
  }
}

void ScratchFile::Read(Bytes offset, MutableByteSpan into) const {
  ReadFull(fd_.get(), offset, into, kName);
}

void ScratchFile::Write(Bytes offset, ByteSpan data) {
  WriteFull(fd_.get(), offset, data, kName);
}

void ScratchFile::ForEachWritten(
    const std::function<void(Bytes offset, ByteSpan data)>& visit) const {
  AlignedBuffer buffer(kCopyPiece);
  Bytes end = 0;
  while (end < size_) {
    const off_t begin = ::lseek(fd_.get(), static_cast<off_t>(end), SEEK_DATA);
    if (begin < 0 && errno == ENXIO) {
      return;  // nothing but a hole is left
    }
    const off_t hole = begin < 0 ? begin : ::lseek(fd_.get(), begin, SEEK_HOLE);
    if (hole < 0) {
      ThrowErrno("looking through the scratch file");
    }
    end = std::min(static_cast<Bytes>(hole), size_);
    for (auto at = static_cast<Bytes>(begin); at < end; at += kCopyPiece) {
      const auto piece = buffer.span().first(std::min(kCopyPiece, end - at));
      Read(at, piece);
      visit(at, piece);
    }
  }
}

}  // namespace ros::partitions
