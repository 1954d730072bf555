#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "images/kept_image.hpp"
#include "images/signed_manifest.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

// Gives the root index of this SHA-256 (hex) where the machine has it, nothing where not. What it
// gives is not trusted.
using FindRootIndex = std::function<std::string(std::string_view sha256)>;

// Who is asked while an image is verified; each may be empty.
struct VerifyQuestions {
  ApproveSigners approve = {};  // may ask for more than one signature by any of the keys
  // Where this gives the image's root index, or one that the image has a patch for, its own is not
  // read.
  FindRootIndex find_root_index = {};
};

// Finds the image (the one whose ref.name is `reference`, if given) and verifies its signature over
// the raw bytes before it reads them. Throws kVerification saying which keys were wanted: no key
// trusted, no signature, none by a trusted key, one that does not verify, a part that is not what
// the manifest says.
VerifiedImage VerifyImage(const ImageSource& source,
                          const keys::TrustStore& trust,
                          SignaturePolicy policy,
                          std::optional<std::string_view> reference = std::nullopt,
                          const VerifyQuestions& questions = {});

// Reads an image without looking at its signatures, for showing and for signing it: digests hold,
// but nobody vouches for the manifest. Nothing is ever installed from this.
VerifiedImage InspectImage(const ImageSource& source,
                           std::optional<std::string_view> reference = std::nullopt);

// Reads every blob of the image and compares size and digest. Throws kVerification naming the part.
void CheckBlobs(const ImageSource& source, const VerifiedImage& image, Progress& progress);

}  // namespace ros::images
