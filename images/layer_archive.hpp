#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "images/staged_tree.hpp"

namespace ros::images {

// Whether names that begin with .wh. hide files of earlier layers (OCI image specification,
// "Whiteouts") or are ordinary names.
enum class Whiteouts { kApply, kAsFiles };

// An open tar, plain or packed by gzip or zstd, with the name that messages call it.
struct LayerArchive {
  int fd = -1;  // read from its current position to the end
  std::string name;
  Whiteouts whiteouts = Whiteouts::kApply;
};

// Puts an archive's entries into the tree, as one layer: files (holes stay holes), directories,
// symbolic and hard links, devices, with owners, modes, times to the nanosecond and extended
// attributes. `on_read` is told how many bytes of the (packed) archive have been read.
//
// Throws kVerification "ARCHIVE: ENTRY: why" for an archive that is damaged, cut short, of another
// format or compression, or that reaches outside of the tree; kFailed for I/O.
void UnpackLayer(const LayerArchive& archive,
                 StagedTree& tree,
                 const std::function<void(Bytes)>& on_read);

// The name and kind of an archive's first entry that is not a directory; empty for an archive
// without one. Tells a container archive from a root.
struct FirstEntry {
  std::string path;
  bool is_file = false;
};

FirstEntry ReadFirstEntry(const LayerArchive& archive);

}  // namespace ros::images
