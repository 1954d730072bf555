#pragma once

#include <filesystem>
#include <string>

#include "keys/digest.hpp"
#include "keys/key_pair.hpp"

namespace ros::images {

// Adds a signature in cosign's form (docs/image-format.md, "Signatures") for the manifest with this
// digest to an OCI archive or layout directory; signatures of other keys stay, one of the same key
// is replaced. An archive is replaced atomically by a copy with the new entries behind it; in a
// directory new blobs are written first and index.json is replaced last. The caller has looked at
// what the manifest describes. `reference` is what the signature calls it. Throws kRefused when it
// has kMaxSignatures already, kVerification where those are malformed, kFailed for I/O.
void SignManifest(const std::filesystem::path& path,
                  const keys::Digest& digest,
                  const keys::PrivateKey& key,
                  const std::string& reference);

}  // namespace ros::images
