#include "qemu-harness/disk_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/process.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {

using namespace ros::literals;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::string_view kHeaderMark = "EFI PART";

// A GUID's text form: the first three groups are little-endian.
std::string GuidText(ByteSpan guid) {
  constexpr std::array<int, 16> kOrder = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  std::string text;
  for (std::size_t n = 0; n < kOrder.size(); ++n) {
    if (n == 4 || n == 6 || n == 8 || n == 10) {
      text += '-';
    }
    text += ToHex(guid.subspan(static_cast<std::size_t>(kOrder[n]), 1));
  }
  return text;
}

Partition ParseEntry(ByteSpan entry, Bytes sector) {
  Partition partition;
  partition.uuid = GuidText(entry.subspan(16, 16));
  partition.offset = LoadLe64(entry, 32) * sector;
  partition.length = (LoadLe64(entry, 40) + 1) * sector - partition.offset;
  for (std::size_t at = 56; at < 128 && LoadLe16(entry, at) != 0; at += 2) {
    partition.name += static_cast<char>(LoadLe16(entry, at));
  }
  return partition;
}

void RunQuietly(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  RunTool(command);
}

}  // namespace

DiskImage::DiskImage(Bytes size)
    : directory_(RunDirectory(), "disk"), path_(directory_.path() / "disk.img") {
  OpenFile(path_, O_RDWR | O_CREAT).Close(path_.string());
  std::filesystem::resize_file(path_, size);
}

DiskImage::DiskImage(const std::filesystem::path& original)
    : directory_(RunDirectory(), "disk"), path_(directory_.path() / "disk.img") {
  RunQuietly({"cp", "--sparse=always", "--reflink=auto", original.string(), path_.string()});
}

std::string DiskImage::Checksum() const {
  Command command;
  command.argv = {"sha256sum", path_.string()};
  return RunTool(command).substr(0, 64);
}

Bytes DiskImage::Allocated() const {
  constexpr Bytes kUnit = 512;

  struct stat status {};

  if (stat(path_.c_str(), &status) != 0) {
    ThrowErrno(path_.string());
  }
  return static_cast<Bytes>(status.st_blocks) * kUnit;
}

std::vector<Partition> DiskImage::Partitions() const {
  // The header is in the second sector: where it lies tells how large they are.
  Bytes sector = 512;
  if (Read(sector, kHeaderMark.size()) != kHeaderMark) {
    sector = 4096;
  }
  const std::string header = Read(sector, 512);
  if (!header.starts_with(kHeaderMark)) {
    return {};
  }
  const ByteSpan fields = AsBytes(header);
  const Bytes entry_size = LoadLe32(fields, 84);
  const std::string entries =
      Read(LoadLe64(fields, 72) * sector, LoadLe32(fields, 80) * entry_size);
  std::vector<Partition> partitions;
  for (Bytes at = 0; at + entry_size <= entries.size(); at += entry_size) {
    Partition partition = ParseEntry(AsBytes(entries).subspan(at, entry_size), sector);
    if (partition.offset != 0) {
      partitions.push_back(std::move(partition));
    }
  }
  return partitions;
}

Partition DiskImage::FindPartition(std::string_view name) const {
  const std::vector<Partition> all = Partitions();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const Partition& partition) { return partition.name == name; });
  if (found == all.end()) {
    throw Error(ErrorKind::kFailed, "no partition " + std::string(name) + " on " + path_.string());
  }
  return *found;
}

std::string DiskImage::Read(Bytes offset, Bytes length) const {
  const UniqueFd fd = OpenFile(path_, O_RDONLY);
  std::string data(length, '\0');
  ReadFull(fd.get(),
           offset,
           std::as_writable_bytes(std::span(data.data(), data.size())),
           path_.string());
  return data;
}

void DiskImage::Write(Bytes offset, std::string_view data) {
  const UniqueFd fd = OpenFile(path_, O_RDWR);
  WriteFull(fd.get(), offset, AsBytes(data), path_.string());
}

void DiskImage::Damage(Bytes offset, Bytes length) {
  std::string data = Read(offset, length);
  std::transform(
      data.begin(), data.end(), data.begin(), [](char c) { return static_cast<char>(~c); });
  Write(offset, data);
}

void DiskImage::DamageAllOver(const Partition& partition) {
  for (Bytes at = 0; at < partition.length; at += 64_KiB) {
    Damage(partition.offset + at, 4_KiB);
  }
}

DiskImage MakeFileDisk(const std::vector<std::filesystem::path>& files) {
  const TempDirectory stage(RunDirectory(), "stage");
  for (const std::filesystem::path& file : files) {
    RunQuietly({"cp", "--reflink=auto", file.string(), (stage.path() / file.filename()).string()});
  }
  DiskImage disk(Bytes{0});
  RunQuietly({"mkfs.erofs", disk.path().string(), stage.path().string()});
  return disk;
}

}  // namespace ros::qemu
