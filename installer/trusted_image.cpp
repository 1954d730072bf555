#include "installer/trusted_image.hpp"

#include "base/error.hpp"

namespace ros::installer {
namespace {

struct Reference {
  std::string path;
  std::optional<std::string> version;
};

// FILE where that exists, else FILE:VERSION as skopeo writes it.
Reference ParseReference(const std::string& text) {
  const auto colon = text.rfind(':');
  if (std::filesystem::exists(text) || colon == std::string::npos) {
    return {text, std::nullopt};
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

TrustedImage OpenTrustedImage(const std::string& reference,
                              const keys::TrustStore& trust,
                              images::SignaturePolicy policy,
                              Progress& progress) {
  const auto [path, version] = ParseReference(reference);
  TrustedImage opened;
  opened.source = images::OpenImage(path);
  opened.image = images::VerifyImage(*opened.source, trust, policy, version);
  images::CheckBlobs(*opened.source, opened.image, progress);
  return opened;
}

images::VerifiedImage ReadUnverifiedImage(const images::ImageSource& source) {
  const auto chosen = images::ChooseImage(source, std::nullopt);
  images::VerifiedImage image;
  image.raw_manifest = images::ReadBlob(source, chosen, images::kMaxManifestSize);
  image.manifest = images::ParseManifest(image.raw_manifest);
  const auto& manifest = image.manifest;
  image.raw_config = images::ReadBlob(source, manifest.config, images::kMaxConfigSize);
  image.config = images::ParseImageConfig(image.raw_config);
  const auto index = images::ReadBlob(source, manifest.root_index, images::kMaxIndexSize);
  image.chunks =
      images::ParseChunkIndex(AsBytes(index), image.config.root.size, manifest.root.size);
  return image;
}

}  // namespace ros::installer
