#include "images/verified_image.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "images/bundle.hpp"
#include "images/signature.hpp"

namespace ros::images {
namespace {

[[noreturn]] void Refuse(const std::string& why) {
  throw Error(ErrorKind::kVerification, why);
}

std::string Wanted(const keys::TrustStore& trust) {
  return trust.empty() ? "no key is trusted (--key names one)" : "wanted: " + trust.Describe();
}

// Throws unless the policy takes an image with these signatures.
SignatureCheck CheckPolicy(const std::vector<Signature>& signatures,
                           const keys::Digest& digest,
                           const keys::TrustStore& trust,
                           SignaturePolicy policy) {
  const auto image = "image " + digest.ToString();
  if (signatures.empty()) {
    if (policy == SignaturePolicy::kAllowUnsigned) {
      return {};
    }
    Refuse(image + " is not signed; " + Wanted(trust));
  }
  if (trust.empty()) {
    Refuse(image + " is signed, but " + Wanted(trust));
  }
  auto check = CheckSignatures(signatures, digest, trust);
  if (check.good.empty()) {
    Refuse(image + " is not signed by a trusted key: " + check.refusal + "; " + Wanted(trust));
  }
  return check;
}

// The parts that follow from a manifest whose signature has been dealt with.
VerifiedImage ReadVerified(std::string_view raw_manifest, SignatureCheck check) {
  VerifiedImage image;
  image.manifest = ParseManifest(raw_manifest);
  image.raw_manifest = raw_manifest;
  image.raw_signatures = WriteKeptSignatures(check.good);
  image.signers = std::move(check.signers);
  return image;
}

VerifiedImage ReadParts(const ImageSource& source,
                        std::string_view raw_manifest,
                        SignatureCheck check) {
  auto image = ReadVerified(raw_manifest, std::move(check));
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
    const auto raw_manifest = ReadBlob(source, chosen, kMaxManifestSize);
    const auto signatures = FindSignatures(source, chosen.digest);
    if (signatures.empty() && HasBundle(source, chosen.digest)) {
      Refuse("image " + chosen.digest.ToString() +
             " is signed in cosign's newer form, a bundle, which is not taken; sign it by `cosign "
             "sign --new-bundle-format=false --use-signing-config=false` or by `ros image sign`");
    }
    auto check = CheckPolicy(signatures, chosen.digest, trust, policy);
    if (approve) {
      approve({.digest = chosen.digest, .signers = check.keys});
    }
    return ReadParts(source, raw_manifest, std::move(check));
  });
}

VerifiedImage InspectImage(const ImageSource& source, std::optional<std::string_view> reference) {
  const auto chosen = ChooseImage(source, reference);
  return InContext(source.name(), [&] {
    return ReadParts(source, ReadBlob(source, chosen, kMaxManifestSize), {});
  });
}

VerifiedImage VerifyKept(std::string_view raw_manifest,
                         std::string_view raw_config,
                         std::string_view raw_signatures,
                         const keys::TrustStore& trust,
                         SignaturePolicy policy) {
  const auto digest = keys::Sha256Of(AsBytes(raw_manifest));
  auto check = CheckPolicy(ParseKeptSignatures(raw_signatures), digest, trust, policy);
  auto image = ReadVerified(raw_manifest, std::move(check));
  if (image.manifest.config.size != raw_config.size() ||
      image.manifest.config.digest != keys::Sha256Of(AsBytes(raw_config))) {
    Refuse("the image's config is not the one that its manifest names");
  }
  image.raw_config = raw_config;
  image.config = ParseImageConfig(raw_config);
  return image;
}

}  // namespace ros::images
