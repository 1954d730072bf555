#include "images/sign_image.hpp"

#include "images/sign_manifest.hpp"
#include "images/verified_image.hpp"

namespace ros::images {

keys::Digest SignImage(const std::filesystem::path& path,
                       const keys::PrivateKey& key,
                       const std::optional<std::string>& reference) {
  const auto source = OpenImage(path);
  const auto image = InspectImage(*source);
  NoProgress progress;
  CheckBlobs(*source, image, progress);
  SignManifest(path, image.manifest.digest, key, reference.value_or(image.config.name));
  return image.manifest.digest;
}

}  // namespace ros::images
