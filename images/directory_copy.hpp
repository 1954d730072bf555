#pragma once

#include <filesystem>
#include <functional>

#include "base/bytes.hpp"
#include "images/staged_tree.hpp"

namespace ros::images {

// Copies a directory with all that is in it (other file systems mounted there too) into the tree:
// content, hard links, owners, modes, times, extended attributes, device nodes. The directory is
// only read. `on_read` is told how many bytes have been copied. Sockets are passed over. Throws
// kFailed naming the file that cannot be read.
void CopyDirectory(const std::filesystem::path& directory,
                   StagedTree& tree,
                   const std::function<void(Bytes)>& on_read);

}  // namespace ros::images
