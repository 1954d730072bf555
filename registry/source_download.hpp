#pragma once

#include <functional>
#include <span>
#include <vector>

#include "registry/download.hpp"
#include "registry/sources.hpp"

namespace ros::registry {

// Hands these ranges of a file on as DownloadRanges does, from one source after the other: each
// goes on where the one before has failed, so that no byte is handed on twice. `file_of` says what
// the file is called there. What `sink` throws ends it. Returns the sources that have sent any of
// it; throws as DownloadRanges and Sources::Read.
std::vector<const Source*> DownloadFromSources(
    Sources& sources,
    const std::function<RemoteFile(const Source&)>& file_of,
    std::span<const ByteRange> ranges,
    const BodySink& sink);

}  // namespace ros::registry
