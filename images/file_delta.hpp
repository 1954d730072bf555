#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.hpp"
#include "images/delta_index.hpp"
#include "images/image_source.hpp"
#include "images/manifest.hpp"
#include "packing/packed_part.hpp"

namespace ros::images {

// Deltas of kernels and initrds (docs/delta-format.md, "Kernel and initrd"): their chunks are the
// units of the unpacked form, and have no frames.

// The layers for this base (as kDeltaBaseAnnotation); null where there are none.
const DeltaLayers* FindFileDelta(const std::vector<DeltaLayers>& deltas, std::string_view base);

// Reads one. Throws kVerification where it is not sound, and what ReadBlob throws.
Delta ReadFileDelta(const ImageSource& source, const DeltaLayers& layers);

// Two versions of a file.
struct FilePair {
  std::string base_name;  // for progress: "the kernel of 1.0"
  std::string_view base;  // the content of the older one; empty for kEmptyBase
  std::string_view target;
};

// The two layers of a delta.
struct MadeFileDelta {
  std::string index;
  std::string patches;  // empty where nothing needs one
};

// Finds the patches that make the unpacked form of one file of another's. Nothing where the file is
// hardly longer than they are, where nothing of it is packed in a way that is known (an empty one
// left aside), or where this machine does not pack both to the same bytes. Keeps both forms in
// `work` while it runs; cores and memory as MakeDelta. Throws kFailed for I/O.
std::optional<MadeFileDelta> MakeFileDelta(const FilePair& files,
                                           const std::filesystem::path& work,
                                           Progress& progress);

}  // namespace ros::images
