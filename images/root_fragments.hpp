#pragma once

#include <filesystem>
#include <vector>

#include "base/bytes.hpp"
#include "base/progress.hpp"
#include "images/chunk_index.hpp"
#include "images/fragment_index.hpp"
#include "images/root_delta.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// The layer of fragments in a file, and its index.
struct FragmentLayer {
  FragmentIndex index;
  keys::Digest digest;
  Bytes size = 0;
  Bytes divided = 0;  // bytes of the chunks
};

// Divides those chunks of the target into fragments that an older root does not have, whose root
// index this is, and writes them with their tables to `output`, a new file. All cores, some 15 MiB
// for each. The same input gives the same bytes. Throws kFailed for I/O; the file is then
// incomplete.
FragmentLayer MakeFragments(const std::vector<Chunk>& older,
                            const DeltaTarget& target,
                            const std::filesystem::path& output,
                            Progress& progress);

}  // namespace ros::images
