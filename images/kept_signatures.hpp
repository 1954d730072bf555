#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "images/manifest.hpp"
#include "keys/digest.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

// What the payload of a signature in cosign's form calls itself.
inline constexpr std::string_view kPayloadKind = "cosign container image signature";

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

// Those of the signatures over a manifest that verify. Throws kVerification saying which keys were
// wanted: no key trusted, no signature, none by a trusted key, one that does not verify.
SignatureCheck RequireSignatures(const std::vector<Signature>& signatures,
                                 const keys::Digest& digest,
                                 const ArtifactKind& kind,
                                 const WantedSignatures& wanted);

}  // namespace ros::images
