#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/progress.hpp"
#include "images/chunk_index.hpp"
#include "images/delta_index.hpp"
#include "images/image_source.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// What an image is an image of.
struct ImageKind {
  std::string name;
  std::string architecture;
};

// Before the long work: that these older images are whole, of different roots and not more than an
// image may have deltas. Warns of one that no machine upgrades from to an image of this kind.
// Throws kUsage, and what OpenImage, InspectImage and CheckBlobs throw.
void CheckDeltaBases(const std::vector<std::filesystem::path>& images,
                     const ImageKind& kind,
                     Progress& progress);

// What a delta is to be based on: the root of an older image, unpacked, for example.
struct DeltaBase {
  std::string name;       // for progress: "the root of 1.0"
  std::string version;    // of the older image
  std::string root_hash;  // of the root's verity tree
  std::vector<Chunk> chunks;
  std::filesystem::path root;  // a file
};

// Unpacks the root of an image into a new file. Its signatures are not looked at: a delta based on
// another root than machines have is of no use to them, and does no harm. Throws kVerification for
// an image that is not sound, kFailed for I/O.
DeltaBase UnpackDeltaBase(const std::filesystem::path& image,
                          const std::filesystem::path& output,
                          Progress& progress);

// What a delta makes.
struct DeltaTarget {
  std::filesystem::path root;
  std::vector<Chunk> chunks;  // one with a packed length of 0 has no frame, and always gets a patch
};

// The patches that a delta consists of, in a row in a file, and their index.
struct DeltaLayer {
  DeltaIndex index;
  keys::Digest digest;
  Bytes size = 0;
};

// Finds for each chunk of the target how it is had from the base with the fewest bytes: copied, by
// a patch against the ranges of the base that are the most alike, or as the frame that the root
// layer has anyway (docs/delta-format.md). Writes the patches to `output`, a new file. All cores;
// about 60 MiB for each and an eighth of the base's size. The same input gives the same bytes.
// Throws kFailed for I/O; the file is then incomplete.
DeltaLayer MakeDelta(const DeltaBase& base,
                     const DeltaTarget& target,
                     const std::filesystem::path& output,
                     Progress& progress);

}  // namespace ros::images
