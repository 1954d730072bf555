#include "qemu-harness/write_log.hpp"

#include <fcntl.h>

#include "base/error.hpp"

namespace ros::qemu {

namespace {

constexpr Bytes kLogSector = 512;
constexpr std::uint64_t kMagic = 0x6a736677736872;
constexpr std::uint64_t kFlagDiscard = 4;

}  // namespace

WriteLog::WriteLog(std::filesystem::path file) : file_(std::move(file)) {
  const UniqueFd fd = OpenFile(file_, O_RDONLY);
  const Bytes end = std::filesystem::file_size(file_);
  std::string sector(kLogSector, '\0');
  const auto read = [&](Bytes offset) {
    ReadFull(fd.get(), offset, AsWritableBytes(sector), file_.string());
    return AsBytes(sector);
  };
  if (end < kLogSector || LoadLe64(read(0), 0) != kMagic) {
    throw Error(ErrorKind::kFailed, file_.string() + " is not a log of writes");
  }
  // The count in the first sector lags behind the entries, so the end of the file is the end.
  for (Bytes at = kLogSector; at + kLogSector <= end;) {
    const ByteSpan entry = read(at);
    const Bytes length = LoadLe64(entry, 8) * kLogSector;
    const bool discard = (LoadLe64(entry, 16) & kFlagDiscard) != 0;
    at += kLogSector;
    if (length > 0 && !discard) {
      writes_.push_back({LoadLe64(entry, 0) * kLogSector, length, at});
      at += length;
    }
  }
}

void WriteLog::Replay(const LoggedWrite& write, DiskImage& disk) const {
  const UniqueFd fd = OpenFile(file_, O_RDONLY);
  std::string data(write.length, '\0');
  ReadFull(fd.get(), write.log_offset, AsWritableBytes(data), file_.string());
  disk.Write(write.offset, data);
}

}  // namespace ros::qemu
