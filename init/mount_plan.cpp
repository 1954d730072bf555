#include "init/mount_plan.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.hpp"

namespace ros::init {
namespace {

MountStep Bind(const std::string& name) {
  return {.kind = MountKind::kBind,
          .source = std::string(kStateDirectory) + "/" + name,
          .target = std::string(kRootDirectory) + "/" + name,
          .optional = true};
}

MountStep Tmpfs(const std::string& name, const std::string& mode) {
  return {.kind = MountKind::kFileSystem,
          .source = "tmpfs",
          .target = std::string(kRootDirectory) + "/" + name,
          .type = "tmpfs",
          .options = "mode=" + mode,
          .optional = name == "tmp"};
}

// The lower layer changes with each upgrade while nobody looks, which the features that are
// switched off here do not allow (Documentation/filesystems/overlayfs.rst, "Changes to underlying
// filesystems").
MountStep EtcOverlay(SlotId slot) {
  const auto layers = std::string(kStateDirectory) + "/etc/" + std::string(Name(slot));
  const auto etc = std::string(kRootDirectory) + "/etc";
  return {.kind = MountKind::kFileSystem,
          .source = "etc",
          .target = etc,
          .type = "overlay",
          .options = "lowerdir=" + etc + ",upperdir=" + layers + "/upper,workdir=" + layers +
                     "/work,index=off,metacopy=off,redirect_dir=off,xino=off"};
}

// Whether the mount point is a directory of the root itself.
bool IsDirectory(const std::string& path) {
  struct stat status {};

  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void MountKernel(const char* type, const char* target, const char* options) {
  MakeDirectory(target, 0755);
  const int done = ::mount(type, target, type, MS_NOSUID, options);
  if (done != 0 && errno != EBUSY) {
    ThrowErrno(std::string("mounting ") + target);
  }
}

}  // namespace

std::vector<MountStep> PlanMounts(SlotId slot) {
  std::vector<MountStep> steps = {EtcOverlay(slot)};
  for (const auto& name : SharedDirectories()) {
    steps.push_back(Bind(name));
  }
  auto state = Bind("ros");
  state.optional = false;
  steps.push_back(state);
  steps.push_back(Tmpfs("run", "0755"));
  steps.push_back(Tmpfs("tmp", "1777"));
  for (const std::string name : {"dev", "proc", "sys"}) {
    steps.push_back({.kind = MountKind::kMove,
                     .source = "/" + name,
                     .target = std::string(kRootDirectory) + "/" + name});
  }
  return steps;
}

void Mount(const MountStep& step) {
  if (!IsDirectory(step.target)) {
    if (step.optional) {
      return;
    }
    throw Error(ErrorKind::kFailed,
                "the root has no directory " +
                    step.target.substr(std::string_view(kRootDirectory).size()) +
                    " to mount on; build the image with `ros image build`");
  }
  unsigned long flags = 0;
  switch (step.kind) {
    case MountKind::kFileSystem:
      flags = step.type == "tmpfs" ? MS_NOSUID | MS_NODEV : 0;
      break;
    case MountKind::kBind:
      flags = MS_BIND;
      break;
    case MountKind::kMove:
      flags = MS_MOVE;
      break;
  }
  const char* type = step.type.empty() ? nullptr : step.type.c_str();
  const char* options = step.options.empty() ? nullptr : step.options.c_str();
  if (::mount(step.source.c_str(), step.target.c_str(), type, flags, options) != 0) {
    ThrowErrno("mounting " + step.target);
  }
}

void MountDevice(const std::string& device,
                 const std::string& target,
                 const std::string& type,
                 unsigned long flags,
                 const std::string& options) {
  MakeDirectory(target, 0755);
  if (::mount(device.c_str(), target.c_str(), type.c_str(), flags, options.c_str()) != 0) {
    ThrowErrno("mounting " + device + " as " + type);
  }
}

void MakeDirectory(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    ThrowErrno("making " + path);
  }
}

void MountKernelFileSystems() {
  MountKernel("devtmpfs", "/dev", "mode=0755");
  MountKernel("proc", "/proc", nullptr);
  MountKernel("sysfs", "/sys", nullptr);
}

}  // namespace ros::init
