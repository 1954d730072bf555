#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "images/chunk_index.hpp"
#include "images/image_config.hpp"
#include "images/kept_signatures.hpp"
#include "images/manifest.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

// An image whose manifest is signed by a key that is trusted, and whose config and root index are
// those of the manifest. The other blobs are checked by CheckBlobs, or as they are used.
struct VerifiedImage {
  ImageManifest manifest;
  ImageConfig config;
  std::vector<Chunk> chunks;
  // The bytes that were verified, for the slot's MANIFEST, CONFIG and SIGS.
  std::string raw_manifest;
  std::string raw_config;
  std::string raw_signatures;  // docs/image-format.md, "Kept signatures"; "[]" if there are none
  // Names and fingerprints of the keys whose signatures verified; empty for an unsigned image.
  std::vector<std::string> signers;
};

// The parts that follow from a manifest whose signatures have been dealt with. Config and chunks
// are left empty.
VerifiedImage BeginVerified(std::string_view raw_manifest, SignatureCheck check);

// Verifies kept bytes again (a slot's MANIFEST, CONFIG and SIGS). The chunks are left empty.
// Throws as above; the caller says where they were kept.
VerifiedImage VerifyKept(std::string_view raw_manifest,
                         std::string_view raw_config,
                         std::string_view raw_signatures,
                         const keys::TrustStore& trust,
                         SignaturePolicy policy);

}  // namespace ros::images
