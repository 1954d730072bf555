#include "images/bundle.hpp"

#include <algorithm>

#include "images/manifest.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle";

// A member that is a text with this beginning. What is not a text is no bundle.
bool Begins(const Json& json, std::string_view key, std::string_view where) {
  const auto* member = json.IsObject() ? json.Find(key, where) : nullptr;
  return member != nullptr && member->IsString() &&
         member->AsString(where).starts_with(kBundleType);
}

bool AnyBegins(const Json& json, std::string_view list, std::string_view key) {
  const auto* members = json.IsObject() ? json.Find(list, "") : nullptr;
  if (members == nullptr || !members->IsArray()) {
    return false;
  }
  const auto& all = members->AsArray("");
  return std::any_of(all.begin(), all.end(), [&](const Json& one) { return Begins(one, key, ""); });
}

Json ReadDocument(const ImageSource& source, const Descriptor& descriptor) {
  return Json::Parse(ReadBlob(source, descriptor, kMaxManifestSize), source.name());
}

// What OCI 1.1 calls the list of an image's referrers where the registry has no list of its own.
bool IsReferrersList(const Descriptor& descriptor, const keys::Digest& image) {
  const auto name = descriptor.annotations.find(std::string(kRefNameAnnotation));
  return descriptor.media_type == kOciIndexType && name != descriptor.annotations.end() &&
         name->second == "sha256-" + image.Hex();
}

}  // namespace

bool IsBundle(const ImageSource& source, const Descriptor& descriptor) {
  if (descriptor.media_type != kOciManifestType || !source.HasBlob(descriptor.digest)) {
    return false;
  }
  const auto manifest = ReadDocument(source, descriptor);
  return Begins(manifest, "artifactType", "") || AnyBegins(manifest, "layers", "mediaType");
}

bool HasBundle(const ImageSource& source, const keys::Digest& image) {
  const auto where = source.name() + ": index.json";
  const auto index = Json::Parse(source.ReadIndex(), where);
  if (AnyBegins(index, "manifests", "artifactType")) {
    return true;
  }
  const auto& manifests = index.At("manifests", where).AsArray(where);
  return std::any_of(manifests.begin(), manifests.end(), [&](const Json& json) {
    const auto descriptor = ParseDescriptor(json, where);
    if (IsReferrersList(descriptor, image)) {
      return AnyBegins(ReadDocument(source, descriptor), "manifests", "artifactType");
    }
    return descriptor.digest != image && IsBundle(source, descriptor);
  });
}

}  // namespace ros::images
