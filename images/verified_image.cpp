#include "images/verified_image.hpp"

#include <utility>

#include "base/error.hpp"

namespace ros::images {
namespace {

VerifiedImage ReadParts(const ImageSource& source,
                        std::string_view raw_manifest,
                        SignatureCheck check) {
  auto image = BeginVerified(raw_manifest, std::move(check));
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

}  // namespace ros::images
