#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"
#include "installer/trust_explanation.hpp"
#include "installer/trust_rules.hpp"
#include "trust/judgement.hpp"

namespace ros::installer {

// An image that may be written: opened, its signatures meet the rules, every blob's digest
// compared.
struct TrustedImage {
  std::unique_ptr<images::ImageSource> source;
  images::VerifiedImage image;
};

// Opens and verifies an image file or directory; `reference` may be FILE or FILE:VERSION. All of it
// is read once before anything is written. Throws as OpenImage, VerifyImage and CheckBlobs do, and
// kVerification with the rule that is not met (also when the rules ask for a channel and have no
// document of it, or one that has not released the image), or when the image's own trust policy
// cannot be read or could be met by no image: its machines could never be upgraded again.
TrustedImage OpenTrustedImage(const std::string& reference,
                              const TrustRules& rules,
                              images::SignaturePolicy policy,
                              Progress& progress);

// Judges an image as OpenTrustedImage does, and goes on where a rule is not met, as far as nothing
// is parsed that is not vouched for. Throws only where the image cannot be opened at all.
TrustExplanation ExplainTrust(const std::string& reference,
                              const TrustRules& rules,
                              Progress& progress);

// The path in FILE or FILE:VERSION.
std::string ImagePath(const std::string& reference);

}  // namespace ros::installer
