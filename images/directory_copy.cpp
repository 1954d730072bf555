#include "images/directory_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "images/root_directory.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

constexpr std::size_t kXattrListLimit = 65536;

class Copier {
 public:
  Copier(StagedTree& tree, const std::function<void(Bytes)>& on_read)
      : tree_(tree), on_read_(on_read) {}

  // `path` is the directory's place in the tree. Recursion ends at the tree's limit of a path.
  void CopyContent(int directory, const std::string& path) {
    for (const auto& name : ListOpenDirectory(directory, path.empty() ? "the root" : path)) {
      std::string entry = path;
      entry.append(path.empty() ? "" : "/").append(name);
      UniqueFd inside;
      InContext(ShowText(entry), [&] { inside = CopyEntry(directory, name, entry); });
      if (inside.valid()) {
        CopyContent(inside.get(), entry);
      }
    }
  }

 private:
  // The opened directory where the entry is one.
  UniqueFd CopyEntry(int directory, const std::string& name, const std::string& path);
  void CopyFile(int directory, const std::string& name, const std::string& path);

  static std::vector<std::pair<std::string, std::string>> ReadXattrs(int directory,
                                                                     const std::string& name);

  StagedTree& tree_;
  const std::function<void(Bytes)>& on_read_;
  Bytes copied_ = 0;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // files with several names
};

struct stat Status(int directory, const std::string& name) {
  struct stat status {};

  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    ThrowErrno("reading its attributes");
  }
  return status;
}

std::vector<std::pair<std::string, std::string>> Copier::ReadXattrs(int directory,
                                                                    const std::string& name) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  std::vector<std::pair<std::string, std::string>> xattrs;
  std::string names(kXattrListLimit, '\0');
  const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
  if (length < 0 && (errno == ENOTSUP || errno == ENODATA)) {
    return xattrs;
  }
  if (length < 0) {
    ThrowErrno("reading its extended attributes");
  }
  names.resize(static_cast<std::size_t>(length));
  std::string value(XATTR_SIZE_MAX, '\0');
  for (std::size_t begin = 0; begin < names.size();) {
    const std::string key = names.c_str() + begin;
    begin += key.size() + 1;
    // Labels and overlayfs's bookkeeping belong to the host that the directory is on.
    if (key == "security.selinux" || key.starts_with("trusted.") ||
        key.starts_with("user.overlay.")) {
      continue;
    }
    const ssize_t size = ::lgetxattr(path.c_str(), key.c_str(), value.data(), value.size());
    if (size < 0) {
      ThrowErrno("reading the extended attribute " + ShowText(key));
    }
    xattrs.emplace_back(key, value.substr(0, static_cast<std::size_t>(size)));
  }
  std::sort(xattrs.begin(), xattrs.end());
  return xattrs;
}

FileAttributes AttributesOf(const struct stat& status) {
  FileAttributes attributes;
  attributes.permissions = status.st_mode & 07777U;
  attributes.owner = status.st_uid;
  attributes.group = status.st_gid;
  attributes.modified = status.st_mtim;
  return attributes;
}

// Shares the blocks where the file system can; otherwise the kernel copies.
Bytes CopyBytes(int from, int to) {
  Bytes copied = 0;
  for (;;) {
    const ssize_t count = ::copy_file_range(from, nullptr, to, nullptr, 16U << 20U, 0);
    if (count > 0) {
      copied += static_cast<Bytes>(count);
      continue;
    }
    if (count == 0) {
      return copied;
    }
    break;
  }
  if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS) {
    ThrowErrno("copying");
  }
  std::array<std::byte, 65536> buffer{};
  for (;;) {
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count < 0) {
      ThrowErrno("reading");
    }
    if (count == 0) {
      return copied;
    }
    WriteFull(to, copied, ByteSpan(buffer).first(static_cast<std::size_t>(count)), "the copy");
    copied += static_cast<Bytes>(count);
  }
}

void Copier::CopyFile(int directory, const std::string& name, const std::string& path) {
  const UniqueFd from(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!from.valid()) {
    ThrowErrno("opening");
  }
  FileAttributes attributes = AttributesOf(Status(directory, name));
  attributes.xattrs = ReadXattrs(directory, name);
  tree_.AddFile(path, attributes, [&](int to) {
    const Bytes size = CopyBytes(from.get(), to);
    tree_.CountContent(size);
    copied_ += size;
  });
  on_read_(copied_);
}

std::string ReadLink(int directory, const std::string& name) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
  if (length < 0) {
    ThrowErrno("reading the symbolic link");
  }
  return {target.data(), static_cast<std::size_t>(length)};
}

UniqueFd Copier::CopyEntry(int directory, const std::string& name, const std::string& path) {
  const struct stat status = Status(directory, name);
  const mode_t type = status.st_mode & S_IFMT;
  if (type != S_IFDIR && status.st_nlink > 1) {
    const auto [known, is_new] = linked_.try_emplace({status.st_dev, status.st_ino}, path);
    if (!is_new) {
      tree_.AddHardLink(path, known->second);
      return {};
    }
  }
  if (type == S_IFREG) {
    CopyFile(directory, name, path);
    return {};
  }
  FileAttributes attributes = AttributesOf(status);
  attributes.xattrs = ReadXattrs(directory, name);
  if (type == S_IFLNK) {
    tree_.AddSymlink(path, ReadLink(directory, name), attributes);
  } else if (type == S_IFCHR || type == S_IFBLK || type == S_IFIFO) {
    tree_.AddNode(path, {type, status.st_rdev}, attributes);
  } else if (type == S_IFDIR) {
    tree_.AddDirectory(path, attributes);
    UniqueFd inside(
        ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inside.valid()) {
      ThrowErrno("opening");
    }
    return inside;
  }
  return {};
}

}  // namespace

void CopyDirectory(const std::filesystem::path& directory,
                   StagedTree& tree,
                   const std::function<void(Bytes)>& on_read) {
  InContext("copying " + directory.string(), [&] {
    const UniqueFd fd = OpenFile(directory, O_RDONLY | O_DIRECTORY);
    tree.BeginLayer();
    Copier copier(tree, on_read);
    FileAttributes attributes = AttributesOf(Status(fd.get(), "."));
    tree.AddDirectory("", attributes);
    copier.CopyContent(fd.get(), "");
  });
}

}  // namespace ros::images
