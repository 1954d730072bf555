#include "images/signed_manifest.hpp"

#include "base/error.hpp"
#include "images/bundle.hpp"
#include "images/refusal.hpp"

namespace ros::images {
namespace {}  // namespace

SignedManifest VerifyManifest(const ImageSource& source,
                              const Descriptor& manifest,
                              const ArtifactKind& kind,
                              const WantedSignatures& wanted,
                              const ApproveSigners& approve) {
  SignedManifest verified{.raw = ReadBlob(source, manifest, kMaxManifestSize)};
  const auto signatures = FindSignatures(source, manifest.digest);
  if (signatures.empty() && HasBundle(source, manifest.digest)) {
    Refuse(std::string(kind.called) + " " + manifest.digest.ToString() +
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
