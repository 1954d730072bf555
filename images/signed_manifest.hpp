#pragma once

#include <functional>
#include <string>
#include <vector>

#include "images/image_source.hpp"
#include "images/kept_signatures.hpp"
#include "images/signature.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

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

}  // namespace ros::images
