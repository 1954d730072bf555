#pragma once

#include <filesystem>
#include <functional>

namespace ros::init {

// Copies a directory tree with everything that Linux keeps of it: owners, modes, times, extended
// attributes, hard links, symbolic links, device nodes, fifos and empty directories (sockets are
// left out). `to` must not exist. `tick` is called for each entry, so that a guard can see that
// work goes on. Throws kFailed naming the path; what was copied so far stays. Not synced.
void CopyTree(const std::filesystem::path& from,
              const std::filesystem::path& to,
              const std::function<void()>& tick);

// Removes a tree; nothing happens when it does not exist. Throws kFailed.
void RemoveTree(const std::filesystem::path& path);

}  // namespace ros::init
