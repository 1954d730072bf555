#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "images/root_directory.hpp"

namespace ros::images {

// A kernel in a container's root; paths are relative to the root.
struct KernelFiles {
  std::string version;  // "6.1.0-28-amd64", the name of its directory of modules
  std::string image;    // "boot/vmlinuz-6.1.0-28-amd64"
  std::string modules;  // "usr/lib/modules/6.1.0-28-amd64"
};

// Finds /boot/vmlinuz-VERSION or /usr/lib/modules/VERSION/vmlinuz (or below /lib/modules), with the
// modules of that version. Of several the newest by version, or `wanted` where that is not empty.
// Throws kUsage, saying what there is, when the root has none.
KernelFiles FindKernel(const RootDirectory& root, std::string_view wanted);

// Every name of the kernel's image, whose content is `image`, in /, /boot and its directories of
// modules that begins with "vmlinuz": itself, links that lead to it and copies of it. Paths
// relative to the root.
std::vector<std::string> FindKernelNames(const RootDirectory& root,
                                         const KernelFiles& kernel,
                                         std::string_view image);

// Where /boot/config-VERSION or the file `config` among its modules says what the kernel is able
// to: throws kUsage for one that cannot unpack an initrd of ours.
void CheckKernelConfig(const RootDirectory& root, const KernelFiles& kernel);

// Makes modules.dep and its like by depmod where the root has none yet (kernel packages leave that
// to their install scripts). Writes into the root's directory of modules. Throws kFailed.
void EnsureModuleIndex(const RootDirectory& root, const KernelFiles& kernel);

}  // namespace ros::images
