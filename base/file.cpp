#include "base/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/error.hpp"

namespace ros {
namespace {

constexpr int kToRead = O_RDONLY | O_NOCTTY;

std::string MakeTempDirectory(const std::filesystem::path& parent, std::string_view prefix) {
  std::string path = (parent / (std::string(prefix) + ".XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr) {
    ThrowErrno("making a temporary directory in " + parent.string());
  }
  return path;
}

std::filesystem::path TempParent() {
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
}

// A new file beside `path`, written and synced, not yet under its name.
std::string WriteTemporary(const std::filesystem::path& path, ByteSpan content, mode_t mode) {
  const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  std::string name = (directory / ("." + path.filename().string() + ".XXXXXX")).string();
  UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid()) {
    ThrowErrno("making a temporary file in " + directory.string());
  }
  try {
    WriteFull(fd.get(), 0, content, name);
    if (::fchmod(fd.get(), mode) != 0) {
      ThrowErrno("setting the mode of " + name);
    }
    if (::fsync(fd.get()) != 0) {
      ThrowErrno("syncing " + name);
    }
    fd.Close(name);
  } catch (const Error&) {
    ::unlink(name.c_str());
    throw;
  }
  return name;
}

void SyncParent(const std::filesystem::path& path) {
  SyncDirectory(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

// False when somebody else holds it and that is not to be waited for.
bool TryLock(int fd, const std::filesystem::path& path, WhenLocked when) {
  const int flags = LOCK_EX | (when == WhenLocked::kThrow ? LOCK_NB : 0);
  int result = 0;
  do {
    result = ::flock(fd, flags);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EWOULDBLOCK) {
    ThrowErrno("locking " + path.string());
  }
  return result == 0;
}

// The number of the process that has an flock on an open file; empty when /proc/locks has none:
// there are file systems that call their device otherwise than stat does.
std::string LockHolder(int fd) {
  struct stat status {};

  if (::fstat(fd, &status) != 0) {
    return {};
  }
  std::array<char, 64> place{};
  static_cast<void>(std::snprintf(place.data(),
                                  place.size(),
                                  "%02x:%02x:%ju",
                                  major(status.st_dev),
                                  minor(status.st_dev),
                                  static_cast<std::uintmax_t>(status.st_ino)));
  // "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF" (proc(5)).
  std::ifstream lines("/proc/locks");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, process, file;
    words >> number >> kind >> mode >> access >> process >> file;
    if (kind == "FLOCK" && file == place.data()) {
      return process;
    }
  }
  return {};
}

// What an open file has from where it is read, to its end.
std::string ReadAll(const UniqueFd& fd, const std::filesystem::path& path, Bytes limit) {
  std::string content;
  std::string buffer(64U << 10U, '\0');
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      ThrowErrno("reading " + path.string());
    }
    if (got == 0) {
      return content;
    }
    content.append(buffer, 0, static_cast<std::size_t>(got));
    if (content.size() > limit) {
      throw Error(ErrorKind::kDoesNotFit,
                  path.string() + " is larger than the limit of " + FormatBytes(limit));
    }
  }
}

}  // namespace

void UniqueFd::Close(std::string_view name) {
  if (::close(release()) != 0) {
    ThrowErrno("closing " + std::string(name));
  }
}

UniqueFd OpenFile(const std::filesystem::path& path, int flags, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) {
    ThrowErrno("opening " + path.string());
  }
  return fd;
}

std::string ReadFile(const std::filesystem::path& path, Bytes limit) {
  return ReadAll(OpenFile(path, kToRead), path, limit);
}

std::optional<std::string> ReadFileIfThere(const std::filesystem::path& path, Bytes limit) {
  const UniqueFd fd(::open(path.c_str(), kToRead | O_CLOEXEC));
  if (fd.valid()) {
    return ReadAll(fd, path, limit);
  }
  if (errno != ENOENT && errno != ENOTDIR) {
    ThrowErrno("opening " + path.string());
  }
  return std::nullopt;
}

void ReadFull(int fd, Bytes offset, MutableByteSpan into, std::string_view name) {
  while (!into.empty()) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      ThrowErrno("reading " + std::string(name));
    }
    if (got == 0) {
      throw Error(ErrorKind::kFailed, std::string(name) + " ends early");
    }
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<Bytes>(got);
  }
}

void WriteFull(int fd, Bytes offset, ByteSpan data, std::string_view name) {
  while (!data.empty()) {
    const ssize_t put = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      ThrowErrno("writing " + std::string(name));
    }
    data = data.subspan(static_cast<std::size_t>(put));
    offset += static_cast<Bytes>(put);
  }
}

void WriteFileAtomically(const std::filesystem::path& path, ByteSpan content, mode_t mode) {
  const auto temporary = WriteTemporary(path, content, mode);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    ThrowErrno("replacing " + path.string(), code);
  }
  SyncParent(path);
}

void CreateFileDurably(const std::filesystem::path& path, ByteSpan content, mode_t mode) {
  const auto temporary = WriteTemporary(path, content, mode);
  const int linked = ::link(temporary.c_str(), path.c_str());
  const int code = errno;
  ::unlink(temporary.c_str());
  if (linked != 0) {
    if (code == EEXIST) {
      throw Error(ErrorKind::kRefused,
                  path.string() + " exists already and is not overwritten; choose another name");
    }
    ThrowErrno("creating " + path.string(), code);
  }
  SyncParent(path);
}

void SyncDirectory(const std::filesystem::path& directory) {
  const auto fd = OpenFile(directory, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) != 0) {
    ThrowErrno("syncing " + directory.string());
  }
}

std::vector<std::string> ListDirectory(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  std::error_code code;
  std::filesystem::directory_iterator at(directory, code);
  if (code == std::errc::no_such_file_or_directory) {
    return names;
  }
  if (code) {
    ThrowErrno("listing " + directory.string(), code.value());
  }
  for (const auto& entry : at) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TempDirectory::TempDirectory(std::string_view prefix)
    : path_(MakeTempDirectory(TempParent(), prefix)) {}

TempDirectory::TempDirectory(const std::filesystem::path& parent, std::string_view prefix)
    : path_(MakeTempDirectory(parent, prefix)) {}

TempDirectory::TempDirectory(TempDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TempDirectory& TempDirectory::operator=(TempDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDirectory::~TempDirectory() {
  if (!path_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
}

FileLock::FileLock(const std::filesystem::path& path, WhenLocked when)
    : fd_(OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644)) {
  if (!TryLock(fd_.get(), path, when)) {
    auto holder = ReadFile(path, 64);
    holder.erase(std::find(holder.begin(), holder.end(), '\n'), holder.end());
    throw Error(ErrorKind::kBusy,
                "another ros is at work" + (holder.empty() ? "" : " (process " + holder + ")") +
                    "; try again when it is done");
  }
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_.get(), 0) != 0) {
    ThrowErrno("writing " + path.string());
  }
  WriteFull(fd_.get(), 0, AsBytes(pid), path.string());
}

FileLock::FileLock(UniqueFd open, const std::filesystem::path& path) : fd_(std::move(open)) {
  if (!TryLock(fd_.get(), path, WhenLocked::kThrow)) {
    const auto holder = LockHolder(fd_.get());
    throw Error(ErrorKind::kBusy,
                path.string() + " is in use by another program" +
                    (holder.empty() ? "" : " (process " + holder + ")") +
                    "; try again when it is done");
  }
}

}  // namespace ros
