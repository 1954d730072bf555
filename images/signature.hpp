#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "images/image_source.hpp"
#include "images/kept_signatures.hpp"
#include "images/manifest.hpp"
#include "keys/digest.hpp"
#include "keys/key_pair.hpp"

namespace ros::images {

// Signatures in cosign's form (its SIGNATURE_SPEC.md): a payload that names the manifest's digest,
// signed as raw bytes; payloads are the layers of a signature manifest, which the index (or the
// registry) calls sha256-<hex>.sig.

inline constexpr std::string_view kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
inline constexpr std::string_view kSignatureAnnotation = "dev.cosignproject.cosign/signature";
// Fingerprint of the key that signed: a hint for messages, never believed.
inline constexpr std::string_view kKeyHintAnnotation = "vnd.ros.key.fingerprint";

// "sha256-<hex>.sig": what a signature manifest for this digest is called.
std::string SignatureName(const keys::Digest& digest);

// A payload for a manifest. `reference` is what the image is called; it is not checked later.
std::string MakePayload(const keys::Digest& digest, std::string_view reference);

// Reads a signature manifest's layers, not verified. Throws kVerification where it is malformed.
std::vector<Signature> ReadSignatureManifest(const ImageSource& source,
                                             const Descriptor& descriptor);

// All signatures that the source's index has for this digest, not verified.
std::vector<Signature> FindSignatures(const ImageSource& source, const keys::Digest& digest);

}  // namespace ros::images
