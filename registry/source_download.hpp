#pragma once

#include <functional>
#include <span>

#include "registry/download.hpp"
#include "registry/sources.hpp"

namespace ros::registry {

// Hands these ranges of a file on as DownloadRanges does, from one source after the other: each
// goes on where the one before has failed, so that no byte is handed on twice. `file_of` says what
// the file is called there. `sends` is called with each source that sends any of it, before its
// first byte is handed on. What `sink` throws ends it. Throws as DownloadRanges and Sources::Read.
void DownloadFromSources(Sources& sources,
                         const std::function<RemoteFile(const Source&)>& file_of,
                         std::span<const ByteRange> ranges,
                         const std::function<void(const Source&)>& sends,
                         const BodySink& sink);

}  // namespace ros::registry
