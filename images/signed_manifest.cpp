#include "images/signed_manifest.hpp"

#include "base/error.hpp"
#include "images/bundle.hpp"

namespace ros::images {
namespace {

[[noreturn]] void Refuse(const std::string& why) {
  throw Error(ErrorKind::kVerification, why);
}

std::string Wanted(const keys::TrustStore& trust) {
  return trust.empty() ? "no key is trusted (--key names one)" : "wanted: " + trust.Describe();
}

std::string Called(const ArtifactKind& kind, const keys::Digest& digest) {
  return std::string(kind.called) + " " + digest.ToString();
}

}  // namespace

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
    Refuse(called + " is not signed; " + Wanted(trust));
  }
  if (trust.empty()) {
    Refuse(called + " is signed, but " + Wanted(trust));
  }
  auto check = CheckSignatures(signatures, digest, trust);
  if (check.good.empty()) {
    Refuse(called + " is not signed by a trusted key: " + check.refusal + "; " + Wanted(trust));
  }
  return check;
}

SignedManifest VerifyManifest(const ImageSource& source,
                              const Descriptor& manifest,
                              const ArtifactKind& kind,
                              const WantedSignatures& wanted,
                              const ApproveSigners& approve) {
  SignedManifest verified{.raw = ReadBlob(source, manifest, kMaxManifestSize)};
  const auto signatures = FindSignatures(source, manifest.digest);
  if (signatures.empty() && HasBundle(source, manifest.digest)) {
    Refuse(Called(kind, manifest.digest) +
           " is signed in cosign's newer form, a bundle, which is not taken; sign it by `cosign "
           "sign --new-bundle-format=false --use-signing-config=false` or by `" +
           std::string(kind.command) + "`");
  }
  verified.signatures = RequireSignatures(signatures, manifest.digest, kind, wanted);
  if (approve) {
    approve({.digest = manifest.digest, .signers = verified.signatures.keys});
  }
  return verified;
}

}  // namespace ros::images
