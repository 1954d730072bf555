#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/output_file.hpp"
#include "images/manifest.hpp"

namespace ros::images {

// Hands a blob's bytes on, in order, as many as its descriptor says; throws where it cannot.
using BlobProducer = std::function<void(const std::function<void(ByteSpan piece)>& take)>;

// A blob to be written: its bytes, the file they are in, or who brings them when their turn comes.
struct ArchiveBlob {
  Descriptor descriptor;
  std::variant<std::string, std::filesystem::path, BlobProducer> content;
};

// One whose bytes are here.
ArchiveBlob MakeBlob(std::string_view media_type, std::string content);

// An image as an OCI archive (OCI image layout 1.0 in an uncompressed tar, so that blobs can be
// read in place).
struct ImageArchive {
  ArchiveBlob manifest;
  std::string reference;  // the ref.name of the manifest in index.json
  std::vector<ArchiveBlob> blobs;
  // The manifest of its signatures, whose descriptor has the ref.name; what it names is in `blobs`.
  std::optional<ArchiveBlob> signatures;
  std::string_view artifact_type = kArtifactType;  // of the manifest
};

// Writes the archive: oci-layout, index.json, the manifests, then the blobs (ComesBefore says in
// which order); owners 0:0, times 0, modes 0644, so the same input gives the same bytes. It is
// committed to `output` as a whole, readable to whom the umask lets.
// Returns the archive's size. Throws kFailed, also when the bytes are not as many as the descriptor
// says.
Bytes WriteOciArchive(const ImageArchive& archive, OutputFile& output);

}  // namespace ros::images
