#include "images/manifest.hpp"

#include <array>
#include <functional>

#include "base/error.hpp"
#include "images/chunk_index.hpp"
#include "images/image_config.hpp"
#include "images/refusal.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kManifestName = "the image's manifest";
constexpr int kSchemaVersion = 2;
constexpr std::size_t kMaxAnnotations = 64;

std::map<std::string, std::string> ParseAnnotations(const Json& parent, const std::string& where) {
  std::map<std::string, std::string> annotations;
  const auto* json = parent.Find("annotations", where);
  if (json == nullptr) {
    return annotations;
  }
  const auto& members = json->AsObject(where + ".annotations");
  if (members.size() > kMaxAnnotations) {
    Refuse(where, "more than " + std::to_string(kMaxAnnotations) + " annotations");
  }
  for (const auto& member : members) {
    annotations[member.key] =
        member.value.AsString(where + ".annotations[\"" + ShowText(member.key) + "\"]");
  }
  return annotations;
}

void CheckSize(const Descriptor& descriptor, const std::string& where, Bytes limit) {
  if (descriptor.size == 0 || descriptor.size > limit) {
    Refuse(where + ".size",
           std::to_string(descriptor.size) + " bytes are not from 1 to " + FormatBytes(limit));
  }
}

// One kind of layer: where it goes and how large it may be.
struct LayerRule {
  std::string_view media_type;
  Bytes limit;
  std::optional<Descriptor> found;
};

using LayerRules = std::array<LayerRule, 8>;

LayerRules MakeLayerRules() {
  return {{{kKernelType, kMaxKernelSize, {}},
           {kInitrdType, kMaxInitrdSize, {}},
           {kUnifiedKernelType, kMaxUnifiedKernelSize, {}},
           {kBootloaderType, kMaxBootloaderSize, {}},
           {kRootType, kMaxRootBlobSize, {}},
           {kRootIndexType, kMaxIndexSize, {}},
           {kFragmentIndexType, kMaxIndexSize, {}},
           {kFragmentsType, kMaxRootBlobSize, {}}}};
}

// Layers of deltas of one kind, by their base: the index and the patches.
class DeltaRules {
 public:
  // Without a type of patches the index is all that there is.
  explicit DeltaRules(std::string_view index_type, std::string_view patches_type = {})
      : index_type_(index_type), patches_type_(patches_type) {}

  // Whether it is one.
  bool Take(const Descriptor& layer, const std::string& where) {
    const bool is_index = layer.media_type == index_type_;
    if (!is_index && (patches_type_.empty() || layer.media_type != patches_type_)) {
      return false;
    }
    CheckSize(layer, where, is_index ? kMaxIndexSize : kMaxRootBlobSize);
    const auto base = layer.annotations.find(std::string(kDeltaBaseAnnotation));
    if (base == layer.annotations.end()) {
      Refuse(where, "a delta that does not say what it is based on");
    }
    CheckHex(where, base->second, kHashDigits, kHashDigits);
    auto& found = (is_index ? indexes_ : patches_)[base->second];
    if (found) {
      Refuse(where, "a second layer of type " + layer.media_type + " for one base");
    }
    found = layer;
    return true;
  }

  [[nodiscard]] std::vector<DeltaLayers> Finish(const std::string& where) const {
    if (indexes_.size() - indexes_.count(kEmptyBase) > kMaxDeltas) {
      Refuse(where, "more than " + std::to_string(kMaxDeltas) + " deltas");
    }
    for (const auto& [base, patches] : patches_) {
      if (!indexes_.contains(base)) {
        Refuse(where, "the patches of a delta without its index");
      }
    }
    std::vector<DeltaLayers> deltas;
    for (const auto& [base, index] : indexes_) {
      const auto patches = patches_.find(base);
      deltas.push_back({.base = base,
                        .index = *index,
                        .patches = patches == patches_.end() ? std::nullopt : patches->second});
    }
    return deltas;
  }

 private:
  static constexpr std::size_t kHashDigits = 64;

  std::string_view index_type_;
  std::string_view patches_type_;
  std::map<std::string, std::optional<Descriptor>, std::less<>> indexes_;
  std::map<std::string, std::optional<Descriptor>, std::less<>> patches_;
};

// All that a manifest's layers may be.
struct ManifestRules {
  LayerRules layers = MakeLayerRules();
  DeltaRules root_index_patches{kRootIndexPatchType};
  DeltaRules root_deltas{kDeltaIndexType, kDeltaType};
  DeltaRules kernel_deltas{kKernelDeltaIndexType, kKernelDeltaType};
  DeltaRules initrd_deltas{kInitrdDeltaIndexType, kInitrdDeltaType};
};

void TakeLayer(ManifestRules& rules, const Json& json, const std::string& where) {
  auto layer = ParseDescriptor(json, where);
  for (auto* deltas : {&rules.root_index_patches,
                       &rules.root_deltas,
                       &rules.kernel_deltas,
                       &rules.initrd_deltas}) {
    if (deltas->Take(layer, where)) {
      return;
    }
  }
  for (auto& rule : rules.layers) {
    if (layer.media_type != rule.media_type) {
      continue;
    }
    if (rule.found) {
      Refuse(where, "a second layer of type " + layer.media_type);
    }
    CheckSize(layer, where, rule.limit);
    rule.found = std::move(layer);
    return;
  }
}

Descriptor Need(const LayerRule& rule) {
  if (!rule.found) {
    Refuse(std::string(kManifestName) + ": layers",
           "no layer of type " + std::string(rule.media_type));
  }
  return *rule.found;
}

Json ToJson(const std::map<std::string, std::string>& annotations) {
  auto json = Json::MakeObject();
  for (const auto& [key, value] : annotations) {
    json.Set(key, value);
  }
  return json;
}

void AppendBased(Descriptor layer, const std::string& base, Json& layers) {
  layer.annotations[std::string(kDeltaBaseAnnotation)] = base;
  layers.Append(ToJson(layer));
}

void AppendDeltas(const std::vector<DeltaLayers>& deltas, Json& layers) {
  for (const auto& delta : deltas) {
    AppendBased(delta.index, delta.base, layers);
    if (delta.patches) {
      AppendBased(*delta.patches, delta.base, layers);
    }
  }
}

}  // namespace

void ExpectKind(const Json& manifest, const ArtifactKind& kind, std::string_view where) {
  const auto at = [&](std::string_view key) {
    return std::string(where) + ": " + std::string(key);
  };
  const auto expect = [&](std::string_view key, std::string_view expected) {
    const auto& found = manifest.At(key, where).AsString(at(key));
    if (found != expected) {
      Refuse(at(key),
             "\"" + ShowText(found) + "\" is not " + std::string(expected) + "; this is not " +
                 std::string(kind.what));
    }
  };
  if (manifest.At("schemaVersion", where).AsInt(at("schemaVersion")) != kSchemaVersion) {
    Refuse(at("schemaVersion"), "expected " + std::to_string(kSchemaVersion));
  }
  if (manifest.Find("mediaType", where) != nullptr) {
    expect("mediaType", kOciManifestType);
  }
  // Any container has such an envelope, but no type of artifact.
  if (manifest.Find("artifactType", where) == nullptr) {
    Refuse(where, "no artifactType: " + std::string(kind.untyped));
  }
  expect("artifactType", kind.artifact_type);
}

Descriptor ParseDescriptor(const Json& json, std::string_view where) {
  const std::string place(where);
  Descriptor descriptor;
  descriptor.media_type = json.At("mediaType", place).AsString(place + ".mediaType");
  CheckPrintable(place + ".mediaType", descriptor.media_type);
  const auto& digest = json.At("digest", place).AsString(place + ".digest");
  descriptor.digest = InContext(place + ".digest", [&] { return keys::Digest::Parse(digest); });
  descriptor.size = json.At("size", place).AsUint(place + ".size");
  descriptor.annotations = ParseAnnotations(json, place);
  return descriptor;
}

Json ToJson(const Descriptor& descriptor) {
  auto json = Json::MakeObject();
  json.Set("mediaType", descriptor.media_type);
  json.Set("digest", descriptor.digest.ToString());
  json.Set("size", std::uint64_t{descriptor.size});
  if (!descriptor.annotations.empty()) {
    json.Set("annotations", ToJson(descriptor.annotations));
  }
  return json;
}

ImageManifest ParseManifest(std::string_view raw) {
  if (raw.size() > kMaxManifestSize) {
    Refuse(kManifestName, "longer than " + FormatBytes(kMaxManifestSize));
  }
  const auto json = Json::Parse(raw, kManifestName);
  ExpectKind(json, kOsImage, kManifestName);
  const auto config_where = std::string(kManifestName) + ": config";
  ImageManifest manifest;
  manifest.digest = keys::Sha256Of(AsBytes(raw));
  manifest.config = ParseDescriptor(json.At("config", kManifestName), config_where);
  if (manifest.config.media_type != kConfigType) {
    Refuse(config_where,
           "\"" + manifest.config.media_type + "\" is not " + std::string(kConfigType));
  }
  CheckSize(manifest.config, config_where, kMaxConfigSize);

  const auto layers_where = std::string(kManifestName) + ": layers";
  const auto& layers = json.At("layers", kManifestName).AsArray(layers_where);
  if (layers.size() > kMaxLayers) {
    Refuse(layers_where, "more than " + std::to_string(kMaxLayers));
  }
  ManifestRules rules;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    TakeLayer(rules, layers[i], layers_where + "[" + std::to_string(i) + "]");
  }
  auto& [kernel, initrd, unified_kernel, bootloader, root, root_index, fragment_index, fragments] =
      rules.layers;
  manifest.unified_kernel = unified_kernel.found;
  if (!manifest.unified_kernel) {
    manifest.kernel = Need(kernel);
    manifest.initrd = Need(initrd);
  } else if (kernel.found || initrd.found) {
    Refuse(layers_where, "a unified kernel, and a kernel or initrd beside it");
  }
  manifest.bootloader = bootloader.found;
  manifest.root = Need(root);
  manifest.root_index = Need(root_index);
  for (auto& [base, patch, none] : rules.root_index_patches.Finish(layers_where)) {
    manifest.root_index_patches.push_back({.base = base, .patch = patch});
  }
  if (fragment_index.found && fragments.found) {
    manifest.fragments = {.index = *fragment_index.found, .fragments = *fragments.found};
  } else if (fragment_index.found || fragments.found) {
    Refuse(layers_where, "fragments without their index, or it without them");
  }
  manifest.deltas = rules.root_deltas.Finish(layers_where);
  manifest.kernel_deltas = rules.kernel_deltas.Finish(layers_where);
  manifest.initrd_deltas = rules.initrd_deltas.Finish(layers_where);
  manifest.annotations = ParseAnnotations(json, std::string(kManifestName));
  return manifest;
}

std::string WriteManifest(const ImageManifest& manifest) {
  auto layers = Json::MakeArray();
  if (manifest.unified_kernel) {
    layers.Append(ToJson(*manifest.unified_kernel));
  } else {
    layers.Append(ToJson(manifest.kernel));
    layers.Append(ToJson(manifest.initrd));
  }
  if (manifest.bootloader) {
    layers.Append(ToJson(*manifest.bootloader));
  }
  layers.Append(ToJson(manifest.root));
  layers.Append(ToJson(manifest.root_index));
  for (const auto& [base, patch] : manifest.root_index_patches) {
    AppendBased(patch, base, layers);
  }
  if (manifest.fragments) {
    layers.Append(ToJson(manifest.fragments->index)).Append(ToJson(manifest.fragments->fragments));
  }
  for (const auto* deltas : {&manifest.deltas, &manifest.kernel_deltas, &manifest.initrd_deltas}) {
    AppendDeltas(*deltas, layers);
  }
  auto json = Json::MakeObject();
  json.Set("schemaVersion", kSchemaVersion);
  json.Set("mediaType", kOciManifestType);
  json.Set("artifactType", kArtifactType);
  json.Set("config", ToJson(manifest.config));
  json.Set("layers", layers);
  if (!manifest.annotations.empty()) {
    json.Set("annotations", ToJson(manifest.annotations));
  }
  return json.Dump();
}

}  // namespace ros::images
