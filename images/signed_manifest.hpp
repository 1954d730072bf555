#pragma once

#include <functional>
#include <string>
#include <vector>

#include "images/image_source.hpp"
#include "images/signature.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

enum class SignaturePolicy {
  kRequired,
  // For --insecure: what has no signature at all is taken. What has signatures, none of which
  // verifies, is refused all the same.
  kAllowUnsigned,
};

// Whose signatures are wanted.
struct WantedSignatures {
  const keys::TrustStore& trust;
  SignaturePolicy policy = SignaturePolicy::kRequired;
};

// What is known of an artifact when nothing of it but its signatures has been read.
struct SignedFacts {
  keys::Digest digest;                   // of the manifest
  std::vector<keys::PublicKey> signers;  // whose signatures verified; empty for an unsigned one
};

// Called before anything that was signed is parsed; throws to refuse it.
using ApproveSigners = std::function<void(const SignedFacts& facts)>;

// A manifest as raw bytes that nobody has parsed yet, and the signatures that verified over it.
struct SignedManifest {
  std::string raw;
  SignatureCheck signatures;
};

// Verifies the signatures of a manifest over its raw bytes. Throws kVerification saying which keys
// were wanted: no key trusted, no signature, none by a trusted key, one that does not verify, a
// bundle of cosign 3. `approve` may ask for more than one signature by any of the keys.
SignedManifest VerifyManifest(const ImageSource& source,
                              const Descriptor& manifest,
                              const ArtifactKind& kind,
                              const WantedSignatures& wanted,
                              const ApproveSigners& approve = {});

// The part of it that needs no source: those of the signatures that verify. Throws as above.
SignatureCheck RequireSignatures(const std::vector<Signature>& signatures,
                                 const keys::Digest& digest,
                                 const ArtifactKind& kind,
                                 const WantedSignatures& wanted);

}  // namespace ros::images
