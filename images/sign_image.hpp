#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "keys/digest.hpp"
#include "keys/key_pair.hpp"

namespace ros::images {

// Adds a signature in cosign's form (docs/image-format.md, "Signatures") to the one OS image of an
// OCI archive or layout directory; signatures of other keys stay, one of the same key is replaced.
// An archive is replaced atomically by a copy with the new entries behind it; in a directory new
// blobs are written first and index.json is replaced last. Returns the image's digest. Throws
// kVerification when the image is not sound, kFailed for I/O.
//
// `reference` is what the signature calls the image, "registry.example/myos:1.2.0": skopeo wants
// the one that it is pulled by. Without one it is the image's name. `ros` does not look at it.
keys::Digest SignImage(const std::filesystem::path& path,
                       const keys::PrivateKey& key,
                       const std::optional<std::string>& reference = std::nullopt);

}  // namespace ros::images
