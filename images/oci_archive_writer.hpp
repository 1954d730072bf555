#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/output_file.hpp"
#include "images/manifest.hpp"

namespace ros::images {

// A blob to be written: its bytes, or the file they are in.
struct ArchiveBlob {
  Descriptor descriptor;
  std::variant<std::string, std::filesystem::path> content;
};

// An image as an OCI archive (OCI image layout 1.0 in an uncompressed tar, so that blobs can be
// read in place).
struct ImageArchive {
  ArchiveBlob manifest;
  std::string reference;  // the ref.name of the manifest in index.json
  std::vector<ArchiveBlob> blobs;
  std::string_view artifact_type = kArtifactType;  // of the manifest
};

// Writes the archive: oci-layout, index.json, the manifest, then the blobs from the smallest to the
// largest; owners 0:0, times 0, modes 0644, so the same input gives the same bytes. It is
// committed to `output` as a whole, readable to whom the umask lets.
// Returns the archive's size. Throws kFailed, also when a file's size is not its descriptor's.
Bytes WriteOciArchive(const ImageArchive& archive, OutputFile& output);

}  // namespace ros::images
