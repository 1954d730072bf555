#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"
#include "installer/image_location.hpp"
#include "installer/trust_explanation.hpp"
#include "installer/trust_rules.hpp"
#include "trust/judgement.hpp"

namespace ros::installer {

// An image that may be written: opened, its signatures meet the rules. Of a file every blob's
// digest has been compared; of an image in a registry each part is compared when it comes.
struct TrustedImage {
  std::unique_ptr<images::ImageSource> source;
  images::VerifiedImage image;
};

// Opens and verifies an image. All of a file is read once before anything is written; of an image
// in a registry manifests, config and root index. Throws as OpenImageAt, VerifyImage and CheckBlobs
// do, and kVerification with the rule that is not met (also when the rules ask for a channel and
// have no document of it, or one that has not released the image), or when the image's own trust
// policy cannot be read or could be met by no image: its machines could never be upgraded again.
// `find` as for VerifyImage.
TrustedImage OpenTrustedImage(const ImageLocation& location,
                              const TrustRules& rules,
                              images::SignaturePolicy policy,
                              Progress& progress,
                              const images::FindRootIndex& find = {});

// Judges an image as OpenTrustedImage does, and goes on where a rule is not met, as far as nothing
// is parsed that is not vouched for. Throws only where the image cannot be opened at all.
TrustExplanation ExplainTrust(const ImageLocation& location,
                              const TrustRules& rules,
                              Progress& progress);

}  // namespace ros::installer
