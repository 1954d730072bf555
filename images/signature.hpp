#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "images/image_source.hpp"
#include "images/manifest.hpp"
#include "keys/digest.hpp"
#include "keys/key_pair.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

// Signatures in cosign's form (its SIGNATURE_SPEC.md): a payload that names the manifest's digest,
// signed as raw bytes; payloads are the layers of a signature manifest, which the index (or the
// registry) calls sha256-<hex>.sig.

inline constexpr std::string_view kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
inline constexpr std::string_view kSignatureAnnotation = "dev.cosignproject.cosign/signature";
// Fingerprint of the key that signed: a hint for messages, never believed.
inline constexpr std::string_view kKeyHintAnnotation = "vnd.ros.key.fingerprint";

// Limits on what is read before anything is verified.
inline constexpr std::size_t kMaxSignatures = 16;
inline constexpr Bytes kMaxPayloadSize = Bytes{16} << 10U;
inline constexpr Bytes kMaxSignatureSize = Bytes{4} << 10U;

struct Signature {
  std::string payload;    // raw JSON
  std::string signature;  // raw bytes
  std::string key_hint;   // may be empty

  bool operator==(const Signature&) const = default;
};

// "sha256-<hex>.sig": what a signature manifest for this digest is called.
std::string SignatureName(const keys::Digest& digest);

// A payload for a manifest. `reference` is what the image is called; it is not checked later.
std::string MakePayload(const keys::Digest& digest, std::string_view reference);

// Reads a signature manifest's layers, not verified. Throws kVerification where it is malformed.
std::vector<Signature> ReadSignatureManifest(const ImageSource& source,
                                             const Descriptor& descriptor);

// All signatures that the source's index has for this digest, not verified.
std::vector<Signature> FindSignatures(const ImageSource& source, const keys::Digest& digest);

struct SignatureCheck {
  std::vector<Signature> good;        // verified by a trusted key, for this digest
  std::vector<std::string> signers;   // "NAME (ecdsa 0123456789abcdef)", one for each of `good`
  std::vector<keys::PublicKey> keys;  // theirs
  std::string refusal;                // why the others are not good; empty if all are
};

// Which signatures are for this digest and by a trusted key. A payload is read only after its
// signature verified.
SignatureCheck CheckSignatures(const std::vector<Signature>& signatures,
                               const keys::Digest& digest,
                               const keys::TrustStore& trust);

// Kept signatures (docs/image-format.md): a JSON list of {"payload", "signature"}, both base64.
std::string WriteKeptSignatures(const std::vector<Signature>& signatures);
std::vector<Signature> ParseKeptSignatures(std::string_view raw);

}  // namespace ros::images
