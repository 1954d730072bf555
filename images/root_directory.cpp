#include "images/root_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::images {
namespace {

using Directory = CPtr<DIR, closedir>;

int OpenInRoot(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0;; ++attempt) {
    const auto fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    // EAGAIN: something was renamed meanwhile and the kernel could not tell that it stayed inside.
    if (fd >= 0 || errno != EAGAIN || attempt == 100) {
      return static_cast<int>(fd);
    }
  }
}

}  // namespace

RootDirectory::RootDirectory(std::filesystem::path path)
    : path_(std::move(path)), fd_(OpenFile(path_, O_RDONLY | O_DIRECTORY)) {}

UniqueFd RootDirectory::TryOpen(std::string_view path, int flags) const {
  const std::string relative = path.empty() ? "." : std::string(path);
  UniqueFd fd(OpenInRoot(fd_.get(), relative, flags));
  if (!fd.valid() && errno != ENOENT && errno != ENOTDIR) {
    ThrowErrno("opening " + relative + " in " + path_.string());
  }
  return fd;
}

UniqueFd RootDirectory::Open(std::string_view path, int flags) const {
  UniqueFd fd = TryOpen(path, flags);
  if (!fd.valid()) {
    throw Error(ErrorKind::kFailed,
                "opening " + std::string(path) + " in " + path_.string() + ": no such file");
  }
  return fd;
}

bool RootDirectory::HasType(std::string_view path, mode_t type) const {
  const UniqueFd fd = TryOpen(path, O_PATH);

  struct stat status {};

  return fd.valid() && ::fstat(fd.get(), &status) == 0 && (status.st_mode & S_IFMT) == type;
}

bool RootDirectory::IsRegularFile(std::string_view path) const {
  return HasType(path, S_IFREG);
}

bool RootDirectory::IsDirectory(std::string_view path) const {
  return HasType(path, S_IFDIR);
}

std::string RootDirectory::Read(std::string_view path, Bytes limit) const {
  // O_NONBLOCK: a FIFO of that name must not hold us up; it has no effect on files.
  const UniqueFd fd = Open(path, O_RDONLY | O_NONBLOCK);
  return ReadToEnd(fd.get(), limit, path);
}

std::vector<std::string> RootDirectory::List(std::string_view path) const {
  const UniqueFd fd = TryOpen(path, O_RDONLY | O_DIRECTORY);
  return fd.valid() ? ListOpenDirectory(fd.get(), path) : std::vector<std::string>();
}

std::string ReadToEnd(int fd, Bytes limit, std::string_view name) {
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      ThrowErrno("reading " + std::string(name));
    }
    if (count == 0) {
      return content;
    }
    if (content.size() + static_cast<std::size_t>(count) > limit) {
      throw Error(ErrorKind::kDoesNotFit,
                  std::string(name) + " is longer than the limit of " + FormatBytes(limit));
    }
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::vector<std::string> ListOpenDirectory(int fd, std::string_view name) {
  // A descriptor of its own: closedir closes it, and the reading position is not shared.
  UniqueFd own(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Directory directory(own.valid() ? ::fdopendir(own.get()) : nullptr);
  if (!directory) {
    ThrowErrno("listing " + std::string(name));
  }
  (void)own.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view entry_name = entry->d_name;
    if (entry_name != "." && entry_name != "..") {
      names.emplace_back(entry_name);
    }
    errno = 0;
  }
  if (errno != 0) {
    ThrowErrno("listing " + std::string(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ros::images
