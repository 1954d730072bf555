#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"

namespace ros::images {

// A directory that is looked at as if it were the root: symbolic links in it, absolute ones too,
// lead to places in it (openat2 with RESOLVE_IN_ROOT), and ".." at the top stays at the top. This
// is how a container's files are reached, never by joining strings.
//
// Paths are relative to it, "etc/passwd"; "" is the directory itself.
class RootDirectory {
 public:
  // Throws kFailed when `path` is not a directory that can be opened.
  explicit RootDirectory(std::filesystem::path path);

  // What it is called in messages and for tools that need a path of the host.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Opens a path below the root, symbolic links followed unless `flags` has O_NOFOLLOW. The
  // descriptor is not valid when there is no such file; other failures throw kFailed with the path.
  [[nodiscard]] UniqueFd TryOpen(std::string_view path, int flags) const;
  // As above, but throws when there is no such file.
  [[nodiscard]] UniqueFd Open(std::string_view path, int flags) const;

  // Links followed. kRegular is false for a missing file too.
  [[nodiscard]] bool IsRegularFile(std::string_view path) const;
  [[nodiscard]] bool IsDirectory(std::string_view path) const;

  // The whole content; throws kDoesNotFit beyond `limit`.
  [[nodiscard]] std::string Read(std::string_view path, Bytes limit) const;

  // Sorted names without . and ..; empty when there is no such directory.
  [[nodiscard]] std::vector<std::string> List(std::string_view path) const;

 private:
  [[nodiscard]] bool HasType(std::string_view path, mode_t type) const;

  std::filesystem::path path_;
  UniqueFd fd_;
};

// Reads an open file to its end; throws kDoesNotFit beyond `limit`.
std::string ReadToEnd(int fd, Bytes limit, std::string_view name);

// Names in an open directory, sorted, without . and ...
std::vector<std::string> ListOpenDirectory(int fd, std::string_view name);

}  // namespace ros::images
