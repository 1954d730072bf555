#include "fuzz/memory_image.hpp"
#include "fuzz/target.hpp"
#include "images/signature.hpp"
#include "keys/base64.hpp"

namespace ros::fuzz {
namespace {

constexpr std::string_view kConfig = "{}";

keys::Digest SignedDigest() {
  return keys::Sha256Of(AsBytes("manifest"));
}

std::string Payload() {
  return images::MakePayload(SignedDigest(), "registry.example/myos:1.2.0");
}

// An index that names `manifest` as the signatures of SignedDigest().
std::string IndexFor(images::Descriptor manifest) {
  manifest.annotations = {
      {std::string(images::kRefNameAnnotation), images::SignatureName(SignedDigest())}};
  auto json = Json::MakeObject();
  json.Set("manifests", Json::Array{images::ToJson(manifest)});
  return json.Dump();
}

}  // namespace

// The input is the signature manifest; what a sound one names is there.
void Run(ByteSpan input) {
  MemoryImage blobs{""};
  const auto manifest = blobs.Add(std::string(AsText(input)), images::kOciManifestType);
  MemoryImage image{IndexFor(manifest)};
  image.Add(std::string(AsText(input)), images::kOciManifestType);
  image.Add(std::string(kConfig), images::kOciManifestType);
  image.Add(Payload(), images::kPayloadType);
  const auto signatures = images::FindSignatures(image, SignedDigest());
  Expect(signatures.size() <= images::kMaxSignatures, "there are not too many");
  for (const auto& signature : signatures) {
    Expect(signature.payload.size() <= images::kMaxPayloadSize &&
               signature.signature.size() <= images::kMaxSignatureSize,
           "none is too large");
  }
  Expect(images::ParseKeptSignatures(images::WriteKeptSignatures(signatures)).size() ==
             signatures.size(),
         "all of them can be kept");
}

std::vector<Seed> Seeds() {
  MemoryImage blobs{""};
  auto layer = blobs.Add(Payload(), images::kPayloadType);
  layer.annotations = {{std::string(images::kSignatureAnnotation),
                        keys::EncodeBase64(AsBytes(std::string(70, '\x30')))},
                       {std::string(images::kKeyHintAnnotation), "0123456789abcdef"}};
  const auto config = blobs.Add(std::string(kConfig), images::kOciManifestType);
  const auto manifest = [&](const Json::Array& layers) {
    auto json = Json::MakeObject();
    json.Set("schemaVersion", 2);
    json.Set("config", images::ToJson(config));
    json.Set("layers", layers);
    return json.Dump();
  };
  return {{"none", manifest({})},
          {"one", manifest({images::ToJson(layer)})},
          {"two", manifest({images::ToJson(layer), images::ToJson(layer)})}};
}

}  // namespace ros::fuzz
