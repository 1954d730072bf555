#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "images/boot_modules.hpp"
#include "images/module_index.hpp"
#include "images/root_directory.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

// The bytes of an initrd (docs/initrd-format.md) before LZ4 packs them:
// `init_binary` as /init, `keys` in /keys and the modules, read from `root` and unpacked, with
// their lists. The same input gives the same bytes. Throws kUsage where init_binary is not a static
// program, kFailed for a module that cannot be read.
std::string BuildInitrdCpio(const std::filesystem::path& init_binary,
                            const keys::TrustStore& keys,
                            const RootDirectory& root,
                            const ModuleIndex& index);

// The content of a module file, unpacked where it is gzip, xz or zstd; `name` is for messages.
std::string UnpackModule(std::string packed, const std::string& name);

}  // namespace ros::images
