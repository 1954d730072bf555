#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace ros::images {

// Replaces an uncompressed tar by a copy without the entries `drop` and with the files `add` (name
// to content) in front of the others, whose bytes stay as they are: who reads it
// through a pipe has the small ones first. Atomic and durable: after a power
// cut the old or the new archive is there. Needs room for the copy beside it; memory is small.
// An entry that is in `add` must be in `drop` when the archive has it already.
void EditArchive(const std::filesystem::path& path,
                 const std::set<std::string>& drop,
                 const std::map<std::string, std::string>& add);

}  // namespace ros::images
