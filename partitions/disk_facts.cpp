#include "partitions/disk_facts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/block_device.hpp"
#include "base/file.hpp"
#include "base/word_list.hpp"
#include "partitions/probe.hpp"
#include "partitions/system_facts.hpp"

namespace ros::partitions {
namespace {

constexpr Bytes kFactsPiece = Bytes{1} << 20U;

bool IsTable(const Signature& signature) {
  return signature.type == "gpt" || signature.type == "dos" || signature.type == "PMBR";
}

UniqueFd OpenForReading(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && (errno == EACCES || errno == EPERM) && ::geteuid() != 0) {
    throw Error(ErrorKind::kRefused,
                "this user may not read " + path.string() + "; run ros as root");
  }
  if (!fd.valid()) {
    ThrowErrno("opening " + path.string());
  }
  return fd;
}

// A machine that runs from an image file (QEMU) holds locks on bytes of it.
bool IsLocked(int fd) {
  struct flock lock {};

  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void AddFileFacts(DiskFacts& facts, int fd, const SystemPaths& system) {
  facts.kind = TargetKind::kImageFile;
  facts.read_only = ::faccessat(AT_FDCWD, facts.path.c_str(), W_OK, AT_EACCESS) != 0;
  std::error_code code;
  const auto path = std::filesystem::canonical(facts.path, code);
  if (!code) {  // A file without a name has no users by name.
    facts.in_use = UsersOfFile(path, system);
  }
  if (facts.in_use.empty() && IsLocked(fd)) {
    facts.in_use.push_back("another program has locked it; is a machine running from it?");
  }
}

// The last word on a disk that nothing else is known against.
void AddExclusiveHolder(DiskFacts& facts) {
  const UniqueFd fd(::open(facts.path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && errno == EBUSY && facts.in_use.empty()) {
    facts.in_use.push_back("another program holds it open for itself alone");
  }
}

// What the first file system (or the like) in a partition is.
void AddContent(FoundPartition& partition, int fd, const DiskFacts& facts) {
  if (partition.length == 0 || partition.offset >= facts.size ||
      partition.length > facts.size - partition.offset) {
    return;
  }
  const auto found = ProbeSignatures(
      fd,
      {.offset = partition.offset, .length = partition.length, .sector_size = facts.sector_size});
  const auto content =
      std::find_if(found.begin(), found.end(), [](const auto& one) { return !IsTable(one); });
  if (content != found.end()) {
    partition.file_system = content->type;
    partition.label = content->label;
  }
}

void AddContents(DiskFacts& facts, int fd) {
  if (facts.size == 0) {
    return;
  }
  facts.table = ProbeTable(fd, facts.size, facts.sector_size);
  for (auto& partition : facts.table.partitions) {
    AddContent(partition, fd, facts);
  }
  facts.signatures = ProbeSignatures(fd, {.length = facts.size, .sector_size = facts.sector_size});
  std::erase_if(facts.signatures, IsTable);
}

// The first byte in [begin, end) that is not zero.
std::optional<Bytes> FindByte(int fd, Bytes begin, Bytes end, const std::string& name) {
  std::vector<std::byte> buffer(std::min(kFactsPiece, end - begin));
  for (Bytes at = begin; at < end; at += buffer.size()) {
    const auto piece = std::span(buffer).first(std::min<Bytes>(buffer.size(), end - at));
    ReadFull(fd, at, piece, name);
    const auto found =
        std::ranges::find_if(piece, [](std::byte byte) { return byte != std::byte{}; });
    if (found != piece.end()) {
      return at + static_cast<Bytes>(found - piece.begin());
    }
  }
  return std::nullopt;
}

// As FindByte, for all of a file; its holes are not read.
std::optional<Bytes> FindDataInFile(int fd, Bytes size, const std::string& name) {
  Bytes end = 0;
  while (end < size) {
    const off_t begin = ::lseek(fd, static_cast<off_t>(end), SEEK_DATA);
    if (begin < 0) {
      return std::nullopt;  // nothing but a hole is left
    }
    const off_t hole = ::lseek(fd, begin, SEEK_HOLE);
    end = hole < 0 ? size : std::min(static_cast<Bytes>(hole), size);
    if (const auto found = FindByte(fd, static_cast<Bytes>(begin), end, name)) {
      return found;
    }
  }
  return std::nullopt;
}

void AddUnknownData(DiskFacts& facts, int fd) {
  if (facts.HoldsData() || facts.size == 0) {
    return;
  }
  const auto name = facts.path.string();
  if (facts.kind == TargetKind::kImageFile) {
    facts.unknown_data = FindDataInFile(fd, facts.size, name);
    return;
  }
  const auto looked_at = std::min(kFactsPiece, facts.size);
  facts.unknown_data = FindByte(fd, 0, looked_at, name);
  if (!facts.unknown_data) {
    facts.unknown_data = FindByte(fd, facts.size - looked_at, facts.size, name);
  }
}

}  // namespace

bool DiskFacts::HoldsData() const {
  return table.type != TableType::kNone || !signatures.empty() || unknown_data.has_value();
}

DiskFacts InspectDisk(const std::filesystem::path& path, const SystemPaths& system) {
  DiskFacts facts{.path = path};

  struct stat status {};

  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return facts;
    }
    ThrowErrno("looking at " + path.string());
  }
  facts.kind = TargetKind::kOther;
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    return facts;
  }
  return InContext("inspecting " + path.string(), [&] {
    if (S_ISREG(status.st_mode)) {
      facts.size = static_cast<Bytes>(status.st_size);
      const auto fd = OpenForReading(path);
      facts.sector_size = OpenBlockDevice(path, DeviceAccess::kRead)->sector_size();
      facts.physical_sector_size = facts.sector_size;
      AddFileFacts(facts, fd.get(), system);
      AddContents(facts, fd.get());
      AddUnknownData(facts, fd.get());
      return facts;
    }
    const auto number =
        std::to_string(::major(status.st_rdev)) + ":" + std::to_string(::minor(status.st_rdev));
    AddSystemFacts(facts, number, system);
    AddExclusiveHolder(facts);
    const auto fd = OpenForReading(path);
    AddContents(facts, fd.get());
    AddUnknownData(facts, fd.get());
    return facts;
  });
}

std::optional<Error> RefusalFor(const DiskFacts& facts) {
  const auto name = facts.path.string();
  switch (facts.kind) {
    case TargetKind::kMissing:
      return Error(ErrorKind::kUsage, "there is no " + name);
    case TargetKind::kPartition:
      return Error(ErrorKind::kUsage,
                   name + " is a partition; name the whole disk: " + facts.parent);
    case TargetKind::kOther:
      return Error(ErrorKind::kUsage, name + " is neither a disk nor a disk image file");
    case TargetKind::kImageFile:
    case TargetKind::kWholeDisk:
      break;
  }
  if (!facts.in_use.empty()) {
    return Error(ErrorKind::kRefused, name + " is in use: " + Join(facts.in_use, "; "));
  }
  if (facts.read_only) {
    return Error(ErrorKind::kRefused, name + " is read-only");
  }
  if (facts.kind == TargetKind::kWholeDisk && facts.size == 0) {
    return Error(ErrorKind::kUsage, name + " has no medium");
  }
  return std::nullopt;
}

}  // namespace ros::partitions
