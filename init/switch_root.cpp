#include "init/switch_root.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "init/mount_plan.hpp"

namespace ros::init {
namespace {

using Directory = CPtr<DIR, ::closedir>;

// Whether / is the memory that the kernel unpacked the initrd into. Nothing else is ever emptied.
bool IsInitialRoot() {
  struct statfs status {};

  return ::statfs("/", &status) == 0 &&
         (status.f_type == RAMFS_MAGIC || status.f_type == TMPFS_MAGIC);
}

void RemoveEntry(int directory, const char* name, dev_t device);

// Removes what is on `device` below an open directory; what is mounted there stays untouched.
void RemoveContent(UniqueFd fd, dev_t device) {
  const Directory stream(::fdopendir(fd.release()));
  if (!stream) {
    return;
  }
  // One thread, one stream.
  while (const dirent* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      RemoveEntry(::dirfd(stream.get()), entry->d_name, device);
    }
  }
}

// Best effort: what stays costs memory and nothing else.
void RemoveEntry(int directory, const char* name, dev_t device) {
  struct stat status {};

  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device) {
    return;
  }
  if (!S_ISDIR(status.st_mode)) {
    ::unlinkat(directory, name, 0);
    return;
  }
  UniqueFd fd(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.valid()) {
    RemoveContent(std::move(fd), device);
  }
  ::unlinkat(directory, name, AT_REMOVEDIR);
}

// In a process of its own: the OS need not wait for it. Its init will find one child that it did
// not start.
void EmptyInitialRoot() {
  struct stat status {};

  UniqueFd fd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!IsInitialRoot() || !fd.valid() || ::fstat(fd.get(), &status) != 0) {
    return;
  }
  const pid_t child = ::fork();
  if (child <= 0) {  // without a second process it takes a little longer
    RemoveContent(std::move(fd), status.st_dev);
  }
  if (child == 0) {
    ::_exit(0);
  }
}

}  // namespace

void SwitchRoot() {
  if (::chdir(kRootDirectory) != 0) {
    ThrowErrno("entering the root");
  }
  EmptyInitialRoot();
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) {
    ThrowErrno("moving the root");
  }
  if (::chroot(".") != 0 || ::chdir("/") != 0) {
    ThrowErrno("entering the root");
  }
}

std::vector<std::string> InitCandidates(const std::string& asked) {
  if (!asked.empty()) {
    return {asked};
  }
  return {"/sbin/init", "/etc/init", "/bin/init"};
}

void ExecInit(const std::vector<std::string>& candidates, char** argv) {
  std::string why;
  for (auto path : candidates) {
    argv[0] = path.data();
    ::execv(path.c_str(), argv);
    why += (why.empty() ? "" : ", ") + path + ": " + ::strerrordesc_np(errno);
  }
  throw Error(ErrorKind::kFailed, "the OS's init cannot be started (" + why + ")");
}

}  // namespace ros::init
