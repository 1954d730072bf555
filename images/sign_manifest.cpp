#include "images/sign_manifest.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/archive_edit.hpp"
#include "images/oci_layout.hpp"
#include "images/signature.hpp"
#include "keys/base64.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kOciConfigType = "application/vnd.oci.image.config.v1+json";

// What changes in a layout.
struct Change {
  std::map<std::string, std::string> blobs;  // hex digest to content
  std::set<std::string> dropped;             // hex digests
  std::string index;
};

Descriptor AddBlob(Change& change, std::string_view media_type, std::string content) {
  Descriptor descriptor;
  descriptor.media_type = media_type;
  descriptor.digest = keys::Sha256Of(AsBytes(content));
  descriptor.size = content.size();
  change.dropped.erase(descriptor.digest.Hex());
  change.blobs[descriptor.digest.Hex()] = std::move(content);
  return descriptor;
}

bool IsBy(const keys::PublicKey& key, const Signature& signature) {
  return key.Verify(AsBytes(signature.payload), AsBytes(signature.signature));
}

// Layers of the signatures that are there already, without those of `key`. Their manifests are
// dropped: a new one takes their place.
Json::Array TakeOtherLayers(const ImageSource& source,
                            const keys::Digest& digest,
                            const keys::PublicKey& key,
                            Change& change) {
  Json::Array layers;
  for (const auto& descriptor : ListIndex(source).signatures) {
    if (descriptor.annotations.at(std::string(kRefNameAnnotation)) != SignatureName(digest)) {
      continue;
    }
    const auto signatures = ReadSignatureManifest(source, descriptor);
    const auto raw = ReadBlob(source, descriptor, kMaxManifestSize);
    const auto manifest = Json::Parse(raw, "the signature manifest");
    const auto& old = manifest.At("layers", "").AsArray("");
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (!IsBy(key, signatures[i])) {
        layers.push_back(old[i]);
      }
    }
    change.dropped.insert(descriptor.digest.Hex());
  }
  return layers;
}

// The config that registries expect of any image; cosign makes the same.
std::string SignatureConfig(const Json::Array& layers) {
  auto diff_ids = Json::MakeArray();
  for (const auto& layer : layers) {
    diff_ids.Append(layer.At("digest", "layer"));
  }
  auto rootfs = Json::MakeObject();
  rootfs.Set("type", "layers");
  rootfs.Set("diff_ids", diff_ids);
  auto config = Json::MakeObject();
  config.Set("architecture", "");
  config.Set("os", "");
  config.Set("config", Json::MakeObject());
  config.Set("rootfs", rootfs);
  return config.Dump();
}

std::string SignatureManifest(const Descriptor& config, const Json::Array& layers) {
  auto manifest = Json::MakeObject();
  manifest.Set("schemaVersion", 2);
  manifest.Set("mediaType", kOciManifestType);
  manifest.Set("config", ToJson(config));
  manifest.Set("layers", layers);
  return manifest.Dump();
}

// The index with one entry for the signatures, in the place of those that were there.
std::string NewIndex(const std::string& raw, const std::string& where, const Descriptor& entry) {
  const auto& name = entry.annotations.at(std::string(kRefNameAnnotation));
  auto index = Json::Parse(raw, where);
  auto manifests = Json::MakeArray();
  for (const auto& old : index.At("manifests", where).AsArray(where)) {
    const auto annotations = ParseDescriptor(old, where).annotations;
    const auto found = annotations.find(std::string(kRefNameAnnotation));
    if (found == annotations.end() || found->second != name) {
      manifests.Append(old);
    }
  }
  manifests.Append(ToJson(entry));
  index.Set("manifests", manifests);
  return index.Dump();
}

Change MakeChange(const ImageSource& source,
                  const keys::Digest& digest,
                  const keys::PrivateKey& key,
                  const std::string& reference) {
  const auto public_key = key.Public();
  Change change;
  auto layers = TakeOtherLayers(source, digest, public_key, change);
  if (layers.size() >= kMaxSignatures) {
    throw Error(ErrorKind::kRefused,
                source.name() + " has " + std::to_string(layers.size()) + " signatures already");
  }
  const auto payload = MakePayload(digest, reference);
  auto layer = AddBlob(change, kPayloadType, payload);
  layer.annotations[std::string(kSignatureAnnotation)] =
      keys::EncodeBase64(AsBytes(key.Sign(AsBytes(payload))));
  layer.annotations[std::string(kKeyHintAnnotation)] = public_key.Fingerprint();
  layers.push_back(ToJson(layer));
  const auto config = AddBlob(change, kOciConfigType, SignatureConfig(layers));
  auto entry = AddBlob(change, kOciManifestType, SignatureManifest(config, layers));
  entry.annotations[std::string(kRefNameAnnotation)] = SignatureName(digest);
  change.index = NewIndex(source.ReadIndex(), source.name() + ": index.json", entry);
  return change;
}

void ChangeArchive(const std::filesystem::path& path, const Change& change) {
  const std::string blobs = "blobs/sha256/";
  std::map<std::string, std::string> add = {{std::string(kIndexFile), change.index}};
  std::set<std::string> drop = {std::string(kIndexFile)};
  for (const auto& [hex, content] : change.blobs) {
    add[blobs + hex] = content;
    drop.insert(blobs + hex);
  }
  for (const auto& hex : change.dropped) {
    drop.insert(blobs + hex);
  }
  EditArchive(path, drop, add);
}

void ChangeLayout(const std::filesystem::path& path, const Change& change) {
  const auto blobs = path / "blobs" / "sha256";
  for (const auto& [hex, content] : change.blobs) {
    WriteFileAtomically(blobs / hex, AsBytes(content));
  }
  WriteFileAtomically(path / kIndexFile, AsBytes(change.index));
  for (const auto& hex : change.dropped) {
    std::filesystem::remove(blobs / hex);
  }
}

}  // namespace

void SignManifest(const std::filesystem::path& path,
                  const keys::Digest& digest,
                  const keys::PrivateKey& key,
                  const std::string& reference) {
  const auto source = OpenImage(path);
  const auto change = MakeChange(*source, digest, key, reference);
  InContext("signing " + path.string(), [&] {
    if (std::filesystem::is_directory(path)) {
      ChangeLayout(path, change);
    } else {
      ChangeArchive(path, change);
    }
  });
}

}  // namespace ros::images
