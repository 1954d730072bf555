#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"

namespace ros {

// Opens a file with O_CLOEXEC added. Throws "opening PATH: why".
UniqueFd OpenFile(const std::filesystem::path& path, int flags, mode_t mode = 0644);

// The whole content. Throws kFailed when it cannot be read, kDoesNotFit when it is longer than
// `limit` bytes.
std::string ReadFile(const std::filesystem::path& path, Bytes limit);

// As above; none where there is no such file.
std::optional<std::string> ReadFileIfThere(const std::filesystem::path& path, Bytes limit);

// Fills `into` from `offset` of a file, or throws ("ends early" when the file is too short).
void ReadFull(int fd, Bytes offset, MutableByteSpan into, std::string_view name);

// Writes all of `data` at `offset`.
void WriteFull(int fd, Bytes offset, ByteSpan data, std::string_view name);

// Replaces `path` durably: temporary file in the same directory, write, fsync, rename, fsync of the
// directory. After a power cut the old or the new content is there, never a part. `mode` is exact
// (not masked by the umask).
void WriteFileAtomically(const std::filesystem::path& path, ByteSpan content, mode_t mode = 0644);

// As above, but throws kRefused when `path` exists already; never replaces it.
void CreateFileDurably(const std::filesystem::path& path, ByteSpan content, mode_t mode = 0644);

// Makes entries of a directory durable.
void SyncDirectory(const std::filesystem::path& directory);

// Names in a directory, sorted, without . and ..; empty when the directory does not exist.
std::vector<std::string> ListDirectory(const std::filesystem::path& directory);

// A directory that is removed with everything in it on destruction. Made below TMPDIR or /tmp.
class TempDirectory {
 public:
  explicit TempDirectory(std::string_view prefix = "ros");
  // Made below `parent`, for data too large for /tmp.
  TempDirectory(const std::filesystem::path& parent, std::string_view prefix);
  TempDirectory(TempDirectory&& other) noexcept;
  TempDirectory& operator=(TempDirectory&& other) noexcept;
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

enum class WhenLocked {
  kThrow,  // kBusy, naming the process that holds it
  kWait,   // until it is free
};

// An flock on a file, held until destruction.
class FileLock {
 public:
  // Of a file of its own, which is made where it is missing and tells who holds it.
  explicit FileLock(const std::filesystem::path& path, WhenLocked when = WhenLocked::kThrow);

  // Of a file or device node that is there for something else and is open already: nothing is
  // written to it. Throws kBusy when it is held, naming the process where the kernel tells.
  FileLock(UniqueFd open, const std::filesystem::path& path);

 private:
  UniqueFd fd_;
};

}  // namespace ros
