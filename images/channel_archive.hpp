#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "images/image_source.hpp"
#include "images/signed_manifest.hpp"
#include "keys/digest.hpp"
#include "keys/key_pair.hpp"

namespace ros::images {

// A channel document as an OCI artifact (docs/channel-format.md): a manifest, an empty config and
// one layer, which is the document. It is stored, copied and signed as an image is. What the
// document says is not looked at here.

inline constexpr std::string_view kChannelArtifactType = "application/vnd.ros.channel.v1";
inline constexpr std::string_view kChannelDocumentType =
    "application/vnd.ros.channel.document.v1+json";
// How the tag of a channel's document ends in a registry, behind the channel's name.
inline constexpr const char* kChannelTagEnding = ".channel";
inline constexpr Bytes kMaxChannelDocumentSize = Bytes{64} << 10U;

inline constexpr ArtifactKind kChannelKind{
    .artifact_type = kChannelArtifactType,
    .called = "channel document",
    .what = "a channel document of ros",
    .untyped = "this is a container and not a channel document",
    .command = "ros channel sign"};

// A document as raw bytes, whose digest is the one in the manifest.
struct ChannelArtifact {
  keys::Digest manifest;
  std::string document;
  std::vector<std::string> signers;  // as VerifiedImage has them; empty where nobody looked
};

// Finds the one channel document of an archive or layout and verifies its signatures before the
// manifest is parsed. Throws as VerifyManifest does, and kVerification for a manifest of another
// shape, or a document that is too long or not the one of the manifest.
ChannelArtifact VerifyChannel(const ImageSource& source,
                              const keys::TrustStore& trust,
                              const ApproveSigners& approve);

// The same without a look at the signatures, for showing and signing it: nobody vouches for it.
ChannelArtifact InspectChannel(const ImageSource& source);

// Makes an OCI archive of a document, which appears whole or not at all; the same bytes for the
// same document. `name` is its ref.name in the index. Returns the digest of the manifest.
keys::Digest WriteChannelArchive(const std::string& document,
                                 const std::string& name,
                                 const std::filesystem::path& output);

// Signs the one channel document of an archive or layout, as SignManifest does.
keys::Digest SignChannel(const std::filesystem::path& path,
                         const keys::PrivateKey& key,
                         const std::string& reference);

}  // namespace ros::images
