#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.hpp"
#include "images/chunk_index.hpp"
#include "images/image_config.hpp"
#include "images/image_source.hpp"
#include "images/manifest.hpp"
#include "images/signed_manifest.hpp"
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

// Finds the image (the one whose ref.name is `reference`, if given) and verifies its signature over
// the raw bytes before it reads them. Throws kVerification saying which keys were wanted: no key
// trusted, no signature, none by a trusted key, one that does not verify, a part that is not what
// the manifest says. `approve` may ask for more than one signature by any of the keys.
VerifiedImage VerifyImage(const ImageSource& source,
                          const keys::TrustStore& trust,
                          SignaturePolicy policy,
                          std::optional<std::string_view> reference = std::nullopt,
                          const ApproveSigners& approve = {});

// Reads an image without looking at its signatures, for showing and for signing it: digests hold,
// but nobody vouches for the manifest. Nothing is ever installed from this.
VerifiedImage InspectImage(const ImageSource& source,
                           std::optional<std::string_view> reference = std::nullopt);

// Verifies kept bytes again (a slot's MANIFEST, CONFIG and SIGS). The chunks are left empty.
// Throws as above; the caller says where they were kept.
VerifiedImage VerifyKept(std::string_view raw_manifest,
                         std::string_view raw_config,
                         std::string_view raw_signatures,
                         const keys::TrustStore& trust,
                         SignaturePolicy policy);

// Reads every blob of the image and compares size and digest. Throws kVerification naming the part.
void CheckBlobs(const ImageSource& source, const VerifiedImage& image, Progress& progress);

}  // namespace ros::images
