#include "init/state_reset.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "init/shared_directories.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

constexpr const char* kTrash = ".reset";
constexpr std::size_t kMostTroubles = 8;

// A file or directory that is immutable or for appending only can be neither removed nor moved.
void Unlock(const Path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  int flags = 0;
  if (fd.valid() && ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0) {
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
  }
}

class Reset {
 public:
  Reset(const Path& state, const std::function<void()>& tick)
      : trash_(state / kTrash), tick_(tick) {
    if (::mkdir(trash_.c_str(), 0700) != 0 && errno != EEXIST) {
      ThrowErrno("making " + trash_.string());
    }
  }

  // A directory goes to the trash as it is, anything else is gone.
  void Remove(const Path& path) {
    tick_();
    if (TryRemove(path)) {
      return;
    }
    Unlock(path.parent_path());
    Unlock(path);
    if (!TryRemove(path)) {
      Trouble(path);
    }
  }

  // Takes each directory in the trash apart, until none is left that can be.
  void EmptyTrash() {
    for (bool again = true; again;) {
      again = false;
      for (const auto& name : ListDirectory(trash_)) {
        if (stuck_.contains(name)) {
          continue;
        }
        again = true;
        if (!TakeApart(trash_ / name)) {
          Trouble(trash_ / name);
          stuck_.insert(name);
        }
      }
    }
    ::rmdir(trash_.c_str());
  }

  ResetTroubles TakeTroubles() { return std::move(troubles_); }

 private:
  // What is in the directory goes, then it itself: false when that cannot be.
  bool TakeApart(const Path& directory) {
    for (const auto& entry : ListDirectory(directory)) {
      Remove(directory / entry);
    }
    if (::rmdir(directory.c_str()) == 0) {
      return true;
    }
    Unlock(directory);
    return ::rmdir(directory.c_str()) == 0;
  }

  // True when it is not there any more, or was not.
  bool TryRemove(const Path& path) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) {
      return true;
    }
    return (errno == EISDIR || errno == EPERM) && MoveToTrash(path);
  }

  bool MoveToTrash(const Path& path) {
    struct stat status {};

    if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
      return false;
    }
    while (true) {
      const auto place = trash_ / std::to_string(next_++);
      if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) == 0) {
        return true;
      }
      if (errno != EEXIST) {
        return false;
      }
    }
  }

  void Trouble(const Path& path) {
    if (troubles_.size() < kMostTroubles) {
      troubles_.push_back(path.string() + " could not be removed: " + std::strerror(errno));
    }
  }

  Path trash_;
  const std::function<void()>& tick_;
  std::uint64_t next_ = 0;
  std::set<std::string> stuck_;
  ResetTroubles troubles_;
};

}  // namespace

ResetTroubles ResetState(const Path& state,
                         health::ResetScope scope,
                         const std::function<void()>& tick) {
  Reset reset(state, tick);
  const std::set<std::string> stays = {"lost+found", "ros", kTrash};
  for (const auto& name : ListDirectory(state)) {
    if (!stays.contains(name)) {
      reset.Remove(state / name);
    }
  }
  std::vector<std::string> of_ros = {"filled", "config/user.yml", "config/applied.json"};
  if (scope == health::ResetScope::kContentAndTrust) {
    of_ros.insert(of_ros.end(),
                  {"keys",
                   "trust.yml",
                   "verified.json",
                   "channels.json",
                   "epoch",
                   "bad.json",
                   "bad.json.damaged"});
  }
  for (const auto& name : of_ros) {
    reset.Remove(state / "ros" / name);
  }
  reset.EmptyTrash();
  SyncFileSystem(state);
  return reset.TakeTroubles();
}

}  // namespace ros::init
