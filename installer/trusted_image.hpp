#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"
#include "keys/trust_store.hpp"

namespace ros::installer {

// An image that may be written: opened, its signature verified, every blob's digest compared.
struct TrustedImage {
  std::unique_ptr<images::ImageSource> source;
  images::VerifiedImage image;
};

// Opens and verifies an image file or directory; `reference` may be FILE or FILE:VERSION. All of it
// is read once before anything is written. Throws as OpenImage, VerifyImage and CheckBlobs do.
TrustedImage OpenTrustedImage(const std::string& reference,
                              const keys::TrustStore& trust,
                              images::SignaturePolicy policy,
                              Progress& progress);

}  // namespace ros::installer
