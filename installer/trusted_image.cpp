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

}  // namespace ros::installer
