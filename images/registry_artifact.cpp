#include "images/registry_artifact.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "images/channel_archive.hpp"
#include "images/signature.hpp"

namespace ros::images {
namespace {

using registry::Repository;

static_assert(registry::kMaxManifest == kMaxManifestSize);

// Adds config and layers of a manifest to the blobs, each once.
void AddBlobs(const Json& manifest, const std::string& where, std::vector<Descriptor>& blobs) {
  const auto add = [&](Descriptor blob) {
    if (blob.size > kMaxRootBlobSize) {
      throw Error(ErrorKind::kVerification, where + ": a layer that is longer than any may be");
    }
    if (std::ranges::find(blobs, blob.digest, &Descriptor::digest) == blobs.end()) {
      blobs.push_back(std::move(blob));
    }
  };
  add(ParseDescriptor(manifest.At("config", where), where + ": config"));
  const auto& layers = manifest.At("layers", where).AsArray(where + ": layers");
  if (layers.size() > kMaxLayers) {
    throw Error(ErrorKind::kVerification,
                where + ": more than " + std::to_string(kMaxLayers) + " layers");
  }
  for (const auto& layer : layers) {
    add(ParseDescriptor(layer, where + ": layers"));
  }
}

StoredManifest Store(registry::Manifest manifest, std::string_view type = kOciManifestType) {
  return {.descriptor = {.media_type = std::string(type),
                         .digest = manifest.digest,
                         .size = manifest.raw.size(),
                         .annotations = {}},
          .raw = std::move(manifest.raw)};
}

// A halt has to reach machines whose mirror has the document from before it.
registry::Sources::Order OrderFor(const std::string& tag) {
  using Order = registry::Sources::Order;
  return tag.ends_with(kChannelTagEnding) ? Order::kRegistryFirst : Order::kMirrorsFirst;
}

// A hint alone, of how an image is signed that has no signatures of our form (bundle.hpp): what
// cannot be had is no error.
std::optional<StoredManifest> FindReferrers(Repository& repository, const keys::Digest& image) {
  try {
    auto list = repository.FindReferrers(image);
    if (!list || list->media_type != kOciIndexType || list->raw.size() > kMaxManifestSize) {
      return std::nullopt;
    }
    auto stored = Store(*std::move(list), kOciIndexType);
    stored.descriptor.annotations[std::string(kRefNameAnnotation)] = "sha256-" + image.Hex();
    return stored;
  } catch (const Error&) {
    ThrowIfInterrupted();
    return std::nullopt;
  }
}

}  // namespace

StoredArtifact ReadArtifact(StoredManifest manifest,
                            std::optional<StoredManifest> signatures,
                            const std::string& where) {
  for (const auto* raw : {&manifest.raw, signatures ? &signatures->raw : nullptr}) {
    if (raw != nullptr && raw->size() > kMaxManifestSize) {
      throw Error(ErrorKind::kVerification,
                  where + ": a manifest that is longer than " + FormatBytes(kMaxManifestSize));
    }
  }
  StoredArtifact artifact;
  const auto json = Json::Parse(manifest.raw, where);
  const auto* type = json.Find("artifactType", where);
  if (type != nullptr && type->AsString(where) == kChannelArtifactType) {
    artifact.kind = kChannelKind;
  }
  ExpectKind(json, artifact.kind, where);
  AddBlobs(json, where, artifact.blobs);
  if (signatures) {
    const auto signed_by = where + ": its signatures";
    AddBlobs(Json::Parse(signatures->raw, signed_by), signed_by, artifact.blobs);
  }
  artifact.manifest = std::move(manifest);
  artifact.signatures = std::move(signatures);
  return artifact;
}

StoredArtifact FindArtifact(Repository& repository, const registry::Reference& reference) {
  auto manifest = reference.digest
                      ? repository.FindManifest(*reference.digest)
                      : repository.FindManifest(reference.tag, OrderFor(reference.tag));
  if (!manifest) {
    throw Error(ErrorKind::kNetwork,
                "there is no " + (reference.digest ? reference.digest->ToString() : reference.tag) +
                    " in " + repository.Name() + "; `ros image list " + repository.Name() +
                    "` lists what there is");
  }
  const auto name = SignatureName(manifest->digest);
  std::optional<StoredManifest> signatures;
  if (auto found = repository.FindManifest(name)) {
    signatures = Store(*std::move(found));
    signatures->descriptor.annotations[std::string(kRefNameAnnotation)] = name;
  }
  const auto digest = manifest->digest;
  auto artifact =
      ReadArtifact(Store(*std::move(manifest)), std::move(signatures), reference.ToString());
  if (!artifact.signatures) {
    artifact.referrers = FindReferrers(repository, digest);
  }
  return artifact;
}

}  // namespace ros::images
