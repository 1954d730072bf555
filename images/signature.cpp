#include "images/signature.hpp"

#include "base/error.hpp"
#include "images/refusal.hpp"
#include "images/text_rules.hpp"
#include "keys/base64.hpp"

namespace ros::images {
namespace {

std::string DecodeSignature(const std::string& text, const std::string& where) {
  if (text.size() > kMaxSignatureSize) {
    Refuse(where, "longer than " + FormatBytes(kMaxSignatureSize));
  }
  return InContext(where, [&] { return keys::DecodeBase64(text); });
}

Signature ReadLayer(const ImageSource& source, const Json& json, const std::string& where) {
  const auto layer = ParseDescriptor(json, where);
  if (layer.media_type != kPayloadType) {
    Refuse(where, "\"" + layer.media_type + "\" is not " + std::string(kPayloadType));
  }
  const auto found = layer.annotations.find(std::string(kSignatureAnnotation));
  if (found == layer.annotations.end()) {
    Refuse(where, "the annotation " + std::string(kSignatureAnnotation) + " is missing");
  }
  Signature signature;
  signature.signature = DecodeSignature(found->second, where);
  signature.payload = ReadBlob(source, layer, kMaxPayloadSize);
  const auto hint = layer.annotations.find(std::string(kKeyHintAnnotation));
  if (hint != layer.annotations.end()) {
    signature.key_hint = ShowText(hint->second);
  }
  return signature;
}

}  // namespace

std::string SignatureName(const keys::Digest& digest) {
  return "sha256-" + digest.Hex() + ".sig";
}

std::string MakePayload(const keys::Digest& digest, std::string_view reference) {
  auto identity = Json::MakeObject();
  identity.Set("docker-reference", reference);
  auto image = Json::MakeObject();
  image.Set("docker-manifest-digest", digest.ToString());
  auto critical = Json::MakeObject();
  critical.Set("identity", identity);
  critical.Set("image", image);
  critical.Set("type", kPayloadKind);
  auto payload = Json::MakeObject();
  payload.Set("critical", critical);
  payload.Set("optional", Json());
  return payload.Dump();
}

std::vector<Signature> ReadSignatureManifest(const ImageSource& source,
                                             const Descriptor& descriptor) {
  const auto raw = ReadBlob(source, descriptor, kMaxManifestSize);
  const std::string where = "the signature manifest";
  const auto json = Json::Parse(raw, where);
  // Nothing is taken from its config; but an image with a changed part is not an image to trust.
  static_cast<void>(ReadBlob(
      source, ParseDescriptor(json.At("config", where), where + ": config"), kMaxManifestSize));
  const auto& layers = json.At("layers", where).AsArray(where + ": layers");
  if (layers.size() > kMaxSignatures) {
    Refuse(where, "more than " + std::to_string(kMaxSignatures) + " signatures");
  }
  std::vector<Signature> signatures;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    signatures.push_back(
        ReadLayer(source, layers[i], where + ": layers[" + std::to_string(i) + "]"));
  }
  return signatures;
}

std::vector<Signature> FindSignatures(const ImageSource& source, const keys::Digest& digest) {
  std::vector<Signature> all;
  for (const auto& descriptor : ListIndex(source).signatures) {
    if (descriptor.annotations.at(std::string(kRefNameAnnotation)) != SignatureName(digest)) {
      continue;
    }
    for (auto& signature : ReadSignatureManifest(source, descriptor)) {
      all.push_back(std::move(signature));
    }
    if (all.size() > kMaxSignatures) {
      Refuse("the signatures", "more than " + std::to_string(kMaxSignatures));
    }
  }
  return all;
}

}  // namespace ros::images
