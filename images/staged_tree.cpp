#include "images/staged_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

[[noreturn]] void RefusePath(std::string_view path, std::string_view why) {
  throw Error(ErrorKind::kVerification, ShowText(path) + ": " + std::string(why));
}

// "./usr//bin/" -> "usr/bin".
std::string Clean(std::string_view path) {
  if (path.find('\0') != std::string_view::npos || path.size() > StagedTree::kMaxPathLength) {
    RefusePath(path, "the path is too long or holds a NUL");
  }
  if (path.starts_with('/')) {
    RefusePath(path, "the path is absolute, which points outside of the container");
  }
  std::string clean;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view component = path.substr(begin, end - begin);
    begin = end + 1;
    if (component.empty() || component == ".") {
      continue;
    }
    if (component == "..") {
      RefusePath(path, "the path holds .., which points outside of the container");
    }
    if (component.size() > StagedTree::kMaxNameLength) {
      RefusePath(path, "a name in the path is longer than 255 bytes");
    }
    clean.append(clean.empty() ? "" : "/").append(component);
  }
  return clean;
}

std::string_view ParentOf(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view NameOf(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// The path of a name in a directory; "" is the top.
std::string Below(std::string_view directory, std::string_view name) {
  std::string path(directory);
  path.append(directory.empty() ? "" : "/").append(name);
  return path;
}

bool IsInside(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

void RemoveTree(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) {
    return;
  }
  if (errno != EISDIR && errno != EPERM) {
    ThrowErrno("removing " + name);
  }
  UniqueFd directory(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) {
    ThrowErrno("removing " + name);
  }
  // Depth is bounded by kMaxPathLength.
  for (const auto& entry : ListOpenDirectory(directory.get(), name)) {
    RemoveTree(directory.get(), entry);
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0) {
    ThrowErrno("removing " + name);
  }
}

bool IsDirectoryAt(int parent, const std::string& name) {
  struct stat status {};

  return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

// The calls for extended attributes have no ...at form; the kernel's link to the parent serves.
void SetXattrs(int parent, const std::string& name, const FileAttributes& attributes) {
  const std::string path = "/proc/self/fd/" + std::to_string(parent) + "/" + name;
  for (const auto& [key, value] : attributes.xattrs) {
    if (::lsetxattr(path.c_str(), key.c_str(), value.data(), value.size(), 0) != 0) {
      ThrowErrno("setting the extended attribute " + ShowText(key));
    }
  }
}

void SetTimes(int parent, const std::string& name, const FileAttributes& attributes) {
  const std::array<timespec, 2> times = {attributes.modified, attributes.modified};
  if (::utimensat(parent, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    ThrowErrno("setting the time of " + name);
  }
}

}  // namespace

StagedTree::StagedTree(std::filesystem::path directory) : root_(std::move(directory)) {
  // The root itself, where no entry describes it.
  directories_[""] = FileAttributes{};
}

void StagedTree::BeginLayer() {
  of_this_layer_.clear();
}

UniqueFd StagedTree::OpenOrMakeParents(const std::string& path) {
  UniqueFd parent = root_.TryOpen(ParentOf(path), O_PATH | O_DIRECTORY);
  if (parent.valid()) {
    return parent;
  }
  const std::string missing(ParentOf(path));
  AddDirectory(missing, FileAttributes{});
  return root_.Open(missing, O_PATH | O_DIRECTORY);
}

StagedTree::Place StagedTree::Locate(std::string_view path) {
  Place place;
  place.path = Clean(path);
  if (place.path.empty()) {
    RefusePath(path, "the path names the root itself");
  }
  place.name = NameOf(place.path);
  place.parent = root_.TryOpen(ParentOf(place.path), O_PATH | O_DIRECTORY);
  return place;
}

StagedTree::Place StagedTree::LocateForNew(std::string_view path) {
  Place place = Locate(path);
  if (!place.parent.valid()) {
    place.parent = OpenOrMakeParents(place.path);
  }
  if (++entries_ > kMaxEntries) {
    RefusePath(path, "there are more than " + std::to_string(kMaxEntries) + " entries");
  }
  of_this_layer_.insert(place.path);
  return place;
}

void StagedTree::Apply(const Place& place, const FileAttributes& attributes) {
  newest_ = std::max(newest_, std::int64_t{attributes.modified.tv_sec});
  const int parent = place.parent.get();

  struct stat status {};

  if (::fchownat(
          parent, place.name.c_str(), attributes.owner, attributes.group, AT_SYMLINK_NOFOLLOW) !=
      0) {
    ThrowErrno("setting the owner of " + place.path);
  }
  if (::fstatat(parent, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    ThrowErrno("reading " + place.path);
  }
  // After the owner: a change of owner takes set-user-id bits and capabilities away.
  if (!S_ISLNK(status.st_mode) &&
      ::fchmodat(parent, place.name.c_str(), attributes.permissions, 0) != 0) {
    ThrowErrno("setting the mode of " + place.path);
  }
  InContext(ShowText(place.path), [&] { SetXattrs(parent, place.name, attributes); });
  SetTimes(parent, place.name, attributes);
}

void StagedTree::AddDirectory(std::string_view path, const FileAttributes& attributes) {
  const std::string clean = Clean(path);
  directories_[clean] = attributes;
  newest_ = std::max(newest_, std::int64_t{attributes.modified.tv_sec});
  if (clean.empty()) {
    return;
  }
  const Place place = LocateForNew(clean);
  if (IsDirectoryAt(place.parent.get(), place.name)) {
    return;
  }
  RemoveTree(place.parent.get(), place.name);
  if (::mkdirat(place.parent.get(), place.name.c_str(), 0700) != 0) {
    ThrowErrno("making the directory " + ShowText(place.path));
  }
}

void StagedTree::AddFile(std::string_view path,
                         const FileAttributes& attributes,
                         const ContentWriter& write_content) {
  const Place place = LocateForNew(path);
  RemoveTree(place.parent.get(), place.name);
  UniqueFd fd(::openat(place.parent.get(),
                       place.name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600));
  if (!fd.valid()) {
    ThrowErrno("making " + ShowText(place.path));
  }
  InContext(ShowText(place.path), [&] { write_content(fd.get()); });
  fd.Close(place.path);
  Apply(place, attributes);
}

void StagedTree::AddSymlink(std::string_view path,
                            const std::string& target,
                            const FileAttributes& attributes) {
  const Place place = LocateForNew(path);
  RemoveTree(place.parent.get(), place.name);
  if (::symlinkat(target.c_str(), place.parent.get(), place.name.c_str()) != 0) {
    ThrowErrno("making the symbolic link " + ShowText(place.path));
  }
  Apply(place, attributes);
}

void StagedTree::AddNode(std::string_view path, NodeType node, const FileAttributes& attributes) {
  const Place place = LocateForNew(path);
  RemoveTree(place.parent.get(), place.name);
  if (::mknodat(place.parent.get(), place.name.c_str(), node.type | 0600U, node.device) != 0) {
    ThrowErrno("making the device node " + ShowText(place.path));
  }
  Apply(place, attributes);
}

void StagedTree::AddHardLink(std::string_view path, std::string_view target) {
  const Place to =
      InContext(ShowText(path) + ": the hard link's target", [&] { return Locate(target); });

  struct stat status {};

  if (!to.parent.valid() ||
      ::fstatat(to.parent.get(), to.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    RefusePath(path, "is a hard link to " + ShowText(target) + ", which is not there");
  }
  if (S_ISDIR(status.st_mode)) {
    RefusePath(path, "is a hard link to the directory " + ShowText(target));
  }
  const Place place = LocateForNew(path);
  if (place.path == to.path) {
    return;
  }
  RemoveTree(place.parent.get(), place.name);
  if (::linkat(to.parent.get(), to.name.c_str(), place.parent.get(), place.name.c_str(), 0) != 0) {
    ThrowErrno("making the hard link " + ShowText(place.path));
  }
}

void StagedTree::RemoveUnlessOfThisLayer(int parent,
                                         const std::string& name,
                                         const std::string& path) {
  const auto inside = of_this_layer_.lower_bound(path + "/");
  const bool holds_own = inside != of_this_layer_.end() && IsInside(*inside, path);
  if (!holds_own && of_this_layer_.count(path) == 0) {
    RemoveTree(parent, name);
    return;
  }
  UniqueFd directory(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) {
    return;
  }
  for (const auto& entry : ListOpenDirectory(directory.get(), path)) {
    RemoveUnlessOfThisLayer(directory.get(), entry, Below(path, entry));
  }
}

void StagedTree::RemoveLower(std::string_view path) {
  const Place place = Locate(path);
  if (place.parent.valid()) {
    RemoveUnlessOfThisLayer(place.parent.get(), place.name, place.path);
  }
}

void StagedTree::ClearLower(std::string_view directory) {
  const std::string clean = Clean(directory);
  const UniqueFd fd = root_.TryOpen(clean, O_RDONLY | O_DIRECTORY);
  if (!fd.valid()) {
    return;
  }
  for (const auto& entry : ListOpenDirectory(fd.get(), clean)) {
    RemoveUnlessOfThisLayer(fd.get(), entry, Below(clean, entry));
  }
}

void StagedTree::CountContent(Bytes size) {
  content_size_ = CheckedAdd(content_size_, size, "the container's content");
  if (content_size_ > kMaxTotalSize) {
    throw Error(ErrorKind::kVerification,
                "the container's content is larger than " + FormatBytes(kMaxTotalSize));
  }
}

void StagedTree::Finish() {
  // Deepest first is not needed: setting modes and times of a directory changes no other's.
  for (const auto& [path, attributes] : directories_) {
    Place place;
    place.path = path.empty() ? "." : path;
    place.name = path.empty() ? "." : std::string(NameOf(path));
    place.parent = root_.TryOpen(ParentOf(path), O_PATH | O_DIRECTORY);
    // A directory that a later layer removed or replaced is of no interest any more.
    if (place.parent.valid() && IsDirectoryAt(place.parent.get(), place.name)) {
      Apply(place, attributes);
    }
  }
}

}  // namespace ros::images
