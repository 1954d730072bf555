#include "init/tree_copy.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

class TreeCopy {
 public:
  explicit TreeCopy(const std::function<void()>& tick) : tick_(tick) {}

  void Copy(const Path& from, const Path& to) {
    tick_();

    struct stat status {};

    if (::lstat(from.c_str(), &status) != 0) {
      ThrowErrno("reading " + from.string());
    }
    if (S_ISSOCK(status.st_mode) || LinkedBefore(status, to)) {
      return;
    }
    Make(from, to, status);
    CopyAttributes(from, to, status);
  }

 private:
  // A further name of a file that was copied already becomes a link to the copy.
  bool LinkedBefore(const struct stat& status, const Path& to) {
    if (S_ISDIR(status.st_mode) || status.st_nlink < 2) {
      return false;
    }
    const auto [at, first] = links_.try_emplace({status.st_dev, status.st_ino}, to);
    if (first) {
      return false;
    }
    if (::link(at->second.c_str(), to.c_str()) != 0) {
      ThrowErrno("linking " + to.string());
    }
    return true;
  }

  void Make(const Path& from, const Path& to, const struct stat& status) {
    if (S_ISDIR(status.st_mode)) {
      if (::mkdir(to.c_str(), 0700) != 0) {
        ThrowErrno("making " + to.string());
      }
      for (const auto& name : ListDirectory(from)) {
        Copy(from / name, to / name);
      }
    } else if (S_ISREG(status.st_mode)) {
      CopyContent(from, to);
    } else if (S_ISLNK(status.st_mode)) {
      std::filesystem::copy_symlink(from, to);
    } else if (::mknod(to.c_str(), status.st_mode & (S_IFMT | 0600U), status.st_rdev) != 0) {
      ThrowErrno("making " + to.string());
    }
  }

  void CopyContent(const Path& from, const Path& to) {
    const auto source = OpenFile(from, O_RDONLY | O_NOFOLLOW);
    const auto target = OpenFile(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    constexpr std::size_t kPiece = 8U << 20U;
    for (;;) {
      const ssize_t moved = ::sendfile(target.get(), source.get(), nullptr, kPiece);
      if (moved < 0) {
        ThrowErrno("copying " + from.string());
      }
      if (moved == 0) {
        return;
      }
      tick_();
    }
  }

  // In this order: a change of owner drops the set-user-id bit and capabilities, a change of mode
  // changes access control lists, everything changes times.
  static void CopyAttributes(const Path& from, const Path& to, const struct stat& status) {
    if (::lchown(to.c_str(), status.st_uid, status.st_gid) != 0) {
      ThrowErrno("setting the owner of " + to.string());
    }
    if (!S_ISLNK(status.st_mode) && ::chmod(to.c_str(), status.st_mode & 07777U) != 0) {
      ThrowErrno("setting the mode of " + to.string());
    }
    for (const auto& name : AttributeNames(from)) {
      CopyAttribute(from, to, name);
    }
    const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
    if (::utimensat(AT_FDCWD, to.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
      ThrowErrno("setting the times of " + to.string());
    }
  }

  static std::vector<std::string> AttributeNames(const Path& path) {
    std::string list(65536, '\0');
    const ssize_t size = ::llistxattr(path.c_str(), list.data(), list.size());
    std::vector<std::string> names;
    for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
      names.emplace_back(list.c_str() + at);
      at += names.back().size() + 1;
    }
    return names;
  }

  static void CopyAttribute(const Path& from, const Path& to, const std::string& name) {
    std::string value(65536, '\0');
    const ssize_t size = ::lgetxattr(from.c_str(), name.c_str(), value.data(), value.size());
    if (size < 0) {
      ThrowErrno("reading " + name + " of " + from.string());
    }
    const int set =
        ::lsetxattr(to.c_str(), name.c_str(), value.data(), static_cast<std::size_t>(size), 0);
    // Labels of a security module that is not running cannot be set, and mean nothing then.
    if (set != 0 && errno != EOPNOTSUPP) {
      ThrowErrno("setting " + name + " of " + to.string());
    }
  }

  const std::function<void()>& tick_;
  std::map<std::pair<dev_t, ino_t>, Path> links_;
};

}  // namespace

void CopyTree(const Path& from, const Path& to, const std::function<void()>& tick) {
  try {
    TreeCopy(tick).Copy(from, to);
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(ErrorKind::kFailed, error.what());
  }
}

void RemoveTree(const Path& path) {
  std::error_code code;
  std::filesystem::remove_all(path, code);
  if (code) {
    ThrowErrno("removing " + path.string(), code.value());
  }
}

}  // namespace ros::init
