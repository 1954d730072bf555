#include "images/kernel_files.hpp"

#include <fcntl.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

constexpr std::array<std::string_view, 2> kModuleRoots = {"usr/lib/modules", "lib/modules"};
constexpr std::string_view kImageName = "vmlinuz";
constexpr std::string_view kBootPrefix = "vmlinuz-";

struct NewerVersion {
  bool operator()(const std::string& a, const std::string& b) const {
    const int order = ::strverscmp(a.c_str(), b.c_str());
    return order != 0 ? order > 0 : a > b;
  }
};

using Versions = std::set<std::string, NewerVersion>;  // the newest first

Versions ListVersions(const RootDirectory& root) {
  Versions versions;
  for (const auto& name : root.List("boot")) {
    if (name.starts_with(kBootPrefix)) {
      versions.insert(name.substr(kBootPrefix.size()));
    }
  }
  for (const auto directory : kModuleRoots) {
    for (const auto& name : root.List(directory)) {
      versions.insert(name);
    }
  }
  return versions;
}

std::optional<std::string> FindModules(const RootDirectory& root, const std::string& version) {
  for (const auto directory : kModuleRoots) {
    const std::string path = std::string(directory) + "/" + version;
    if (root.IsDirectory(path)) {
      return path;
    }
  }
  return std::nullopt;
}

std::optional<KernelFiles> FindVersion(const RootDirectory& root, const std::string& version) {
  const auto modules = FindModules(root, version);
  if (!modules) {
    return std::nullopt;
  }
  for (const std::string& image :
       {"boot/" + std::string(kBootPrefix) + version, *modules + "/vmlinuz"}) {
    if (root.IsRegularFile(image)) {
      return KernelFiles{version, image, *modules};
    }
  }
  return std::nullopt;
}

bool HasContent(const RootDirectory& root, const std::string& path, std::string_view content) {
  try {
    const UniqueFd file = root.TryOpen(path, O_RDONLY | O_NONBLOCK);

    struct stat status {};

    return file.valid() && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
           std::cmp_equal(status.st_size, content.size()) &&
           ReadToEnd(file.get(), content.size(), path) == content;
  } catch (const Error&) {
    return false;  // A link in a circle, for example.
  }
}

std::string Join(const Versions& versions) {
  std::string text;
  for (const auto& version : versions) {
    text.append(text.empty() ? "" : ", ").append(ShowText(version));
  }
  return text;
}

}  // namespace

KernelFiles FindKernel(const RootDirectory& root, std::string_view wanted) {
  const Versions versions = ListVersions(root);
  Versions complete;
  for (const auto& version : versions) {
    const auto kernel = FindVersion(root, version);
    if (kernel && (wanted.empty() || version == wanted)) {
      return *kernel;
    }
    if (kernel) {
      complete.insert(version);
    }
  }
  if (!wanted.empty()) {
    throw Error(ErrorKind::kUsage,
                "the root has no kernel " + ShowText(wanted) + "; it has " +
                    (complete.empty() ? "none" : Join(complete)));
  }
  throw Error(ErrorKind::kUsage,
              versions.empty()
                  ? "the root has no kernel: neither /boot/vmlinuz-VERSION nor "
                    "/usr/lib/modules/VERSION/vmlinuz; install a kernel package into the container"
                  : "the root has a kernel image without its modules, or modules without their "
                    "kernel image: " +
                        Join(versions));
}

std::vector<std::string> FindKernelNames(const RootDirectory& root,
                                         const KernelFiles& kernel,
                                         std::string_view image) {
  std::vector<std::string> names;
  std::vector<std::string> directories = {"", "boot/"};
  for (const auto modules : kModuleRoots) {
    directories.push_back(std::string(modules) + "/" + kernel.version + "/");
  }
  for (const auto& directory : directories) {
    for (const auto& name : root.List(directory)) {
      if (name.starts_with(kImageName) && HasContent(root, directory + name, image)) {
        names.push_back(directory + name);
      }
    }
  }
  return names;
}

void CheckKernelConfig(const RootDirectory& root, const KernelFiles& kernel) {
  constexpr Bytes kMaxConfig = Bytes{4} << 20U;
  for (const std::string& path : {"boot/config-" + kernel.version, kernel.modules + "/config"}) {
    if (root.IsRegularFile(path) &&
        root.Read(path, kMaxConfig).find("# CONFIG_RD_LZ4 is not set\n") != std::string::npos) {
      throw Error(ErrorKind::kUsage,
                  "the kernel " + ShowText(kernel.version) +
                      " cannot unpack the initrd (CONFIG_RD_LZ4 is not set in /" + path +
                      "); install one that can, or build it with that option");
    }
  }
}

void EnsureModuleIndex(const RootDirectory& root, const KernelFiles& kernel) {
  if (root.IsRegularFile(kernel.modules + "/modules.dep")) {
    return;
  }
  // depmod wants BASE/lib/modules/VERSION, whatever the root looks like.
  const UniqueFd modules = root.Open(kernel.modules, O_PATH | O_DIRECTORY);
  const auto real = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(modules.get()));
  const TempDirectory base("ros-depmod");
  const auto directory = base.path() / "lib" / "modules";
  std::filesystem::create_directories(directory);
  std::filesystem::create_directory_symlink(real, directory / kernel.version);
  InContext("listing the modules of " + kernel.version, [&] {
    (void)RunTool({.argv = {"depmod", "-b", base.path().string(), kernel.version}});
  });
}

}  // namespace ros::images
