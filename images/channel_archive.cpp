#include "images/channel_archive.hpp"

#include "base/error.hpp"
#include "base/output_file.hpp"
#include "images/oci_archive_writer.hpp"
#include "images/sign_manifest.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kDocumentName = "the channel document's manifest";
// What an artifact without a config has in its place (OCI image-spec 1.1, "Guidance for an Empty
// Descriptor").
constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";
constexpr std::string_view kEmpty = "{}";

Descriptor Describe(std::string_view media_type, std::string_view content) {
  return {.media_type = std::string(media_type),
          .digest = keys::Sha256Of(AsBytes(content)),
          .size = content.size(),
          .annotations = {}};
}

std::string WriteChannelManifest(const std::string& document) {
  return Json::MakeObject()
      .Set("schemaVersion", 2)
      .Set("mediaType", kOciManifestType)
      .Set("artifactType", kChannelArtifactType)
      .Set("config", ToJson(Describe(kEmptyType, kEmpty)))
      .Set("layers", Json::MakeArray().Append(ToJson(Describe(kChannelDocumentType, document))))
      .Dump();
}

// The document of a manifest whose signatures have been dealt with.
std::string ReadDocument(const ImageSource& source, std::string_view raw_manifest) {
  const std::string where(kDocumentName);
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::kVerification, where + ": " + why);
  };
  const auto json = Json::Parse(raw_manifest, where);
  ExpectKind(json, kChannelKind, where);
  const auto config = ParseDescriptor(json.At("config", where), where + ": config");
  if (config != Describe(kEmptyType, kEmpty)) {
    refuse("its config is not the empty one of an artifact");
  }
  const auto& layers = json.At("layers", where).AsArray(where + ": layers");
  if (layers.size() != 1) {
    refuse("it has " + std::to_string(layers.size()) + " layers, and a channel document has one");
  }
  const auto layer = ParseDescriptor(layers.front(), where + ": layers[0]");
  if (layer.media_type != kChannelDocumentType) {
    refuse("\"" + layer.media_type + "\" is not " + std::string(kChannelDocumentType));
  }
  // Nothing is taken from the config; but an artifact with a changed part is not one to trust.
  static_cast<void>(ReadBlob(source, config, kEmpty.size()));
  return ReadBlob(source, layer, kMaxChannelDocumentSize);
}

}  // namespace

ChannelArtifact VerifyChannel(const ImageSource& source,
                              const keys::TrustStore& trust,
                              const ApproveSigners& approve) {
  const auto chosen = ChooseManifest(source, kChannelKind, std::nullopt);
  return InContext(source.name(), [&] {
    auto manifest = VerifyManifest(source, chosen, kChannelKind, {trust}, approve);
    return ChannelArtifact{.manifest = chosen.digest,
                           .document = ReadDocument(source, manifest.raw),
                           .signers = std::move(manifest.signatures.signers)};
  });
}

ChannelArtifact InspectChannel(const ImageSource& source) {
  const auto chosen = ChooseManifest(source, kChannelKind, std::nullopt);
  return InContext(source.name(), [&] {
    return ChannelArtifact{
        .manifest = chosen.digest,
        .document = ReadDocument(source, ReadBlob(source, chosen, kMaxManifestSize)),
        .signers = {}};
  });
}

keys::Digest WriteChannelArchive(const std::string& document,
                                 const std::string& name,
                                 const std::filesystem::path& output) {
  const auto raw = WriteChannelManifest(document);
  const auto manifest = Describe(kOciManifestType, raw);
  OutputFile file(output);
  WriteOciArchive({.manifest = {manifest, raw},
                   .reference = name,
                   .blobs = {{Describe(kEmptyType, kEmpty), std::string(kEmpty)},
                             {Describe(kChannelDocumentType, document), document}},
                   .artifact_type = kChannelArtifactType},
                  file);
  return manifest.digest;
}

keys::Digest SignChannel(const std::filesystem::path& path,
                         const keys::PrivateKey& key,
                         const std::string& reference) {
  const auto digest = InspectChannel(*OpenImage(path)).manifest;
  SignManifest(path, digest, key, reference);
  return digest;
}

}  // namespace ros::images
