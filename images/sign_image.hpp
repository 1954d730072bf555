#pragma once

#include <filesystem>

#include "keys/digest.hpp"
#include "keys/key_pair.hpp"

namespace ros::images {

// Adds a signature in cosign's form (docs/image-format.md, "Signatures") to the one OS image of an
// OCI archive or layout directory; signatures of other keys stay, one of the same key is replaced.
// An archive is replaced atomically by a copy with the new entries behind it; in a directory new
// blobs are written first and index.json is replaced last. Returns the image's digest. Throws
// kVerification when the image is not sound, kFailed for I/O.
keys::Digest SignImage(const std::filesystem::path& path, const keys::PrivateKey& key);

}  // namespace ros::images
