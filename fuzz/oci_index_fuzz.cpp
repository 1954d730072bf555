#include "fuzz/memory_image.hpp"
#include "fuzz/target.hpp"
#include "images/signature.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  if (input.size() > images::kMaxOciIndexSize) {
    return;  // no source gives out more
  }
  const MemoryImage image{std::string(AsText(input))};
  const auto listing = images::ListIndex(image);
  for (const auto& signature : listing.signatures) {
    Expect(signature.annotations.contains(std::string(images::kRefNameAnnotation)),
           "a signature has the name by which it was known");
  }
  const auto chosen = images::ChooseImage(image, std::nullopt);
  Expect(!listing.images.empty() && chosen == listing.images.front(), "what is chosen is listed");
}

std::vector<Seed> Seeds() {
  const auto digest = keys::Sha256Of(AsBytes("manifest"));
  const auto entry = [&](std::string_view name) {
    auto json = images::ToJson(images::Descriptor{
        .media_type = std::string(images::kOciManifestType),
        .digest = digest,
        .size = 1234,
        .annotations = {{std::string(images::kRefNameAnnotation), std::string(name)}}});
    return json.Set("artifactType", images::kArtifactType);
  };
  const auto index = [](Json::Array manifests) {
    auto json = Json::MakeObject();
    json.Set("schemaVersion", 2);
    json.Set("manifests", std::move(manifests));
    return json.Dump();
  };
  return {{"image", index({entry("1.2.0")})},
          {"signed", index({entry("1.2.0"), entry(images::SignatureName(digest))})}};
}

}  // namespace ros::fuzz
