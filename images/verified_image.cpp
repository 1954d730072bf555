#include "images/verified_image.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "images/signature.hpp"

namespace ros::images {
namespace {

[[noreturn]] void Refuse(const std::string& why) {
  throw Error(ErrorKind::kVerification, why);
}

// The parts that follow from a manifest whose signature has been dealt with.
VerifiedImage ReadVerified(std::string_view raw_manifest, SignatureCheck check) {
  VerifiedImage image;
  image.manifest = ParseManifest(raw_manifest);
  image.raw_manifest = raw_manifest;
  image.raw_signatures = WriteKeptSignatures(check.good);
  image.signers = std::move(check.signers);
  return image;
}

VerifiedImage ReadParts(const ImageSource& source,
                        std::string_view raw_manifest,
                        SignatureCheck check) {
  auto image = ReadVerified(raw_manifest, std::move(check));
  image.raw_config = ReadBlob(source, image.manifest.config, kMaxConfigSize);
  image.config = ParseImageConfig(image.raw_config);
  const auto index = ReadBlob(source, image.manifest.root_index, kMaxIndexSize);
  image.chunks = ParseChunkIndex(AsBytes(index), image.config.root.size, image.manifest.root.size);
  return image;
}

}  // namespace

VerifiedImage VerifyImage(const ImageSource& source,
                          const keys::TrustStore& trust,
                          SignaturePolicy policy,
                          std::optional<std::string_view> reference,
                          const ApproveSigners& approve) {
  const auto chosen = ChooseImage(source, reference);
  return InContext(source.name(), [&] {
    auto manifest = VerifyManifest(source, chosen, kOsImage, {trust, policy}, approve);
    return ReadParts(source, manifest.raw, std::move(manifest.signatures));
  });
}

VerifiedImage InspectImage(const ImageSource& source, std::optional<std::string_view> reference) {
  const auto chosen = ChooseImage(source, reference);
  return InContext(source.name(), [&] {
    return ReadParts(source, ReadBlob(source, chosen, kMaxManifestSize), {});
  });
}

VerifiedImage VerifyKept(std::string_view raw_manifest,
                         std::string_view raw_config,
                         std::string_view raw_signatures,
                         const keys::TrustStore& trust,
                         SignaturePolicy policy) {
  const auto digest = keys::Sha256Of(AsBytes(raw_manifest));
  auto check =
      RequireSignatures(ParseKeptSignatures(raw_signatures), digest, kOsImage, {trust, policy});
  auto image = ReadVerified(raw_manifest, std::move(check));
  if (image.manifest.config.size != raw_config.size() ||
      image.manifest.config.digest != keys::Sha256Of(AsBytes(raw_config))) {
    Refuse("the image's config is not the one that its manifest names");
  }
  image.raw_config = raw_config;
  image.config = ParseImageConfig(raw_config);
  return image;
}

}  // namespace ros::images
