#include "images/kept_image.hpp"

#include <utility>

#include "base/error.hpp"

namespace ros::images {

VerifiedImage BeginVerified(std::string_view raw_manifest, SignatureCheck check) {
  VerifiedImage image;
  image.manifest = ParseManifest(raw_manifest);
  image.raw_manifest = raw_manifest;
  image.raw_signatures = WriteKeptSignatures(check.good);
  image.signers = std::move(check.signers);
  return image;
}

VerifiedImage VerifyKept(std::string_view raw_manifest,
                         std::string_view raw_config,
                         std::string_view raw_signatures,
                         const keys::TrustStore& trust,
                         SignaturePolicy policy) {
  const auto digest = keys::Sha256Of(AsBytes(raw_manifest));
  auto check =
      RequireSignatures(ParseKeptSignatures(raw_signatures), digest, kOsImage, {trust, policy});
  auto image = BeginVerified(raw_manifest, std::move(check));
  if (image.manifest.config.size != raw_config.size() ||
      image.manifest.config.digest != keys::Sha256Of(AsBytes(raw_config))) {
    throw Error(ErrorKind::kVerification,
                "the image's config is not the one that its manifest names");
  }
  image.raw_config = raw_config;
  image.config = ParseImageConfig(raw_config);
  return image;
}

}  // namespace ros::images
