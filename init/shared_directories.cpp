#include "init/shared_directories.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "init/tree_copy.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

bool IsDirectory(const Path& path) {
  struct stat status {};

  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void Make(const Path& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    ThrowErrno("making " + path.string());
  }
}

}  // namespace

void FillSharedDirectory(const Path& root,
                         const Path& state,
                         const std::string& name,
                         const std::function<void()>& tick) {
  const auto note = state / "ros/filled" / name;
  const auto target = state / name;
  if (std::filesystem::exists(note)) {
    Make(target);  // whoever removed it wants it empty
    return;
  }
  const bool holds_something = IsDirectory(target) && !ListDirectory(target).empty();
  if (!holds_something && IsDirectory(root / name)) {
    const auto fresh = state / (name + ".new");
    RemoveTree(fresh);
    CopyTree(root / name, fresh, tick);
    SyncFileSystem(state);
    if (::rename(fresh.c_str(), target.c_str()) != 0) {
      ThrowErrno("renaming " + fresh.string());
    }
    SyncDirectory(state);
  }
  Make(target);
  Make(state / "ros");
  Make(state / "ros/filled");
  WriteFileAtomically(note, {});
}

void SyncFileSystem(const Path& path) {
  const auto fd = OpenFile(path, O_RDONLY | O_DIRECTORY);
  if (::syncfs(fd.get()) != 0) {
    ThrowErrno("syncing " + path.string());
  }
}

}  // namespace ros::init
