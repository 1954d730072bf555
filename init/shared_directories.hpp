#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace ros::init {

// Fills `<state>/NAME` from `<root>/NAME`, once in the life of the state partition: the copy is
// made as `<state>/NAME.new`, synced, renamed, and then noted as `<state>/ros/filled/NAME`. A cut
// at any moment leaves it unfilled (and it is begun anew) or whole. A directory that holds
// something but was not noted counts as filled. Throws kFailed. `tick` as for CopyTree.
void FillSharedDirectory(const std::filesystem::path& root,
                         const std::filesystem::path& state,
                         const std::string& name,
                         const std::function<void()>& tick);

// Makes all data of the file system below `path` durable.
void SyncFileSystem(const std::filesystem::path& path);

}  // namespace ros::init
