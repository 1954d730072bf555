#include "images/kept_signatures.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "images/refusal.hpp"
#include "images/text_rules.hpp"
#include "keys/base64.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kPayloadPlace = "the signature's payload";
constexpr std::string_view kKeptPlace = "the kept signatures";

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

std::string Wanted(const keys::TrustStore& trust) {
  return trust.empty() ? "no key is trusted (--key names one)" : "wanted: " + trust.Describe();
}

std::string Called(const ArtifactKind& kind, const keys::Digest& digest) {
  return std::string(kind.called) + " " + digest.ToString();
}

}  // namespace

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

SignatureCheck RequireSignatures(const std::vector<Signature>& signatures,
                                 const keys::Digest& digest,
                                 const ArtifactKind& kind,
                                 const WantedSignatures& wanted) {
  const auto& trust = wanted.trust;
  const auto called = Called(kind, digest);
  if (signatures.empty()) {
    if (wanted.policy == SignaturePolicy::kAllowUnsigned) {
      return {};
    }
    throw Error(ErrorKind::kVerification, called + " is not signed; " + Wanted(trust));
  }
  if (trust.empty()) {
    throw Error(ErrorKind::kVerification, called + " is signed, but " + Wanted(trust));
  }
  auto check = CheckSignatures(signatures, digest, trust);
  if (check.good.empty()) {
    throw Error(
        ErrorKind::kVerification,
        called + " is not signed by a trusted key: " + check.refusal + "; " + Wanted(trust));
  }
  return check;
}

}  // namespace ros::images
