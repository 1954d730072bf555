#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"
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
// kVerification with the rule that is not met, or when the image's own trust policy cannot be read
// or could be met by no image: its machines could never be upgraded again.
TrustedImage OpenTrustedImage(const std::string& reference,
                              const TrustRules& rules,
                              images::SignaturePolicy policy,
                              Progress& progress);

// What `ros image verify --explain` shows.
struct TrustExplanation {
  std::string source;  // of the rules, for people
  std::vector<trust::RuleResult> rules;
  std::string refusal;  // why the image is not taken; empty for one that is
};

// Judges an image as OpenTrustedImage does, and goes on where a rule is not met, as far as nothing
// is parsed that is not vouched for. Throws only where the image cannot be opened at all.
TrustExplanation ExplainTrust(const std::string& reference,
                              const TrustRules& rules,
                              Progress& progress);

std::string DescribeExplanation(const TrustExplanation& explanation);
Json ExplanationToJson(const TrustExplanation& explanation);

}  // namespace ros::installer
