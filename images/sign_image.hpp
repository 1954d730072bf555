#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "keys/digest.hpp"
#include "keys/key_pair.hpp"

namespace ros::images {

// Signs the one OS image of an OCI archive or layout directory, as SignManifest does. Returns the
// image's digest. Throws as that, and kVerification when the image is not sound.
//
// `reference` is what the signature calls the image, "registry.example/myos:1.2.0": skopeo wants
// the one that it is pulled by. Without one it is the image's name. `ros` does not look at it.
keys::Digest SignImage(const std::filesystem::path& path,
                       const keys::PrivateKey& key,
                       const std::optional<std::string>& reference = std::nullopt);

}  // namespace ros::images
