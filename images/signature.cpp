#include "images/signature.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "images/text_rules.hpp"
#include "keys/base64.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kPayloadKind = "cosign container image signature";
constexpr std::string_view kPayloadPlace = "the signature's payload";
constexpr std::string_view kKeptPlace = "the kept signatures";

[[noreturn]] void Refuse(const std::string& where, const std::string& why) {
  throw Error(ErrorKind::kVerification, where + ": " + why);
}

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

// The digest that a verified payload is about.
keys::Digest DigestOfPayload(const std::string& payload) {
  const std::string where(kPayloadPlace);
  const auto json = Json::Parse(payload, where);
  const auto& critical = json.At("critical", where);
  const auto place = where + ": critical";
  const auto& kind = critical.At("type", place).AsString(place + ".type");
  if (kind != kPayloadKind) {
    Refuse(place + ".type", "\"" + ShowText(kind) + "\" is not " + std::string(kPayloadKind));
  }
  const auto image_place = place + ".image";
  const auto& image = critical.At("image", place);
  return keys::Digest::Parse(image.At("docker-manifest-digest", image_place)
                                 .AsString(image_place + ".docker-manifest-digest"));
}

std::string Describe(const keys::PublicKey& key) {
  return key.name() + " (" + std::string(keys::Name(key.type())) + " " + key.Fingerprint() + ")";
}

const keys::PublicKey* FindSigner(const Signature& signature, const keys::TrustStore& trust) {
  const auto& all = trust.keys();
  const auto found = std::find_if(all.begin(), all.end(), [&](const keys::PublicKey& key) {
    return key.Verify(AsBytes(signature.payload), AsBytes(signature.signature));
  });
  return found == all.end() ? nullptr : &*found;
}

// Why no trusted key verifies a signature, as far as its hint tells.
std::string WhyNotVerified(const Signature& signature, const keys::TrustStore& trust) {
  if (signature.key_hint.empty()) {
    return "a signature is by none of these keys, or was changed";
  }
  for (const auto& key : trust.keys()) {
    if (key.Fingerprint() == signature.key_hint) {
      return "the signature by " + Describe(key) + " does not verify: it was changed";
    }
  }
  return "a signature is by the key " + signature.key_hint + ", which is not trusted";
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

SignatureCheck CheckSignatures(const std::vector<Signature>& signatures,
                               const keys::Digest& digest,
                               const keys::TrustStore& trust) {
  SignatureCheck check;
  for (const auto& signature : signatures) {
    const auto* signer = FindSigner(signature, trust);
    if (signer == nullptr) {
      check.refusal = WhyNotVerified(signature, trust);
      continue;
    }
    const auto signed_digest = DigestOfPayload(signature.payload);
    if (signed_digest != digest) {
      check.refusal = "the signature by " + Describe(*signer) + " is for another image, " +
                      signed_digest.ToString();
      continue;
    }
    check.good.push_back(signature);
    check.signers.push_back(Describe(*signer));
    check.keys.push_back(*signer);
  }
  return check;
}

std::string WriteKeptSignatures(const std::vector<Signature>& signatures) {
  auto list = Json::MakeArray();
  for (const auto& signature : signatures) {
    auto item = Json::MakeObject();
    item.Set("payload", keys::EncodeBase64(AsBytes(signature.payload)));
    item.Set("signature", keys::EncodeBase64(AsBytes(signature.signature)));
    list.Append(item);
  }
  return list.Dump();
}

std::vector<Signature> ParseKeptSignatures(std::string_view raw) {
  const std::string where(kKeptPlace);
  if (raw.size() > kMaxSignatures * 2 * (kMaxPayloadSize + kMaxSignatureSize)) {
    Refuse(where, "too long");
  }
  const auto json = Json::Parse(raw, where);
  const auto& list = json.AsArray(where);
  if (list.size() > kMaxSignatures) {
    Refuse(where, "more than " + std::to_string(kMaxSignatures));
  }
  std::vector<Signature> signatures;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = where + "[" + std::to_string(i) + "]";
    const auto field = [&](std::string_view key, Bytes limit) {
      const auto field_place = place + "." + std::string(key);
      const auto& text = list[i].At(key, place).AsString(field_place);
      auto bytes = InContext(field_place, [&] { return keys::DecodeBase64(text); });
      if (bytes.size() > limit) {
        Refuse(field_place, "longer than " + FormatBytes(limit));
      }
      return bytes;
    };
    signatures.push_back({.payload = field("payload", kMaxPayloadSize),
                          .signature = field("signature", kMaxSignatureSize)});
  }
  return signatures;
}

}  // namespace ros::images
