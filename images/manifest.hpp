#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "keys/digest.hpp"

namespace ros::images {

// Media types of OCI (image-spec 1.1) and of ours (docs/image-format.md).
inline constexpr std::string_view kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kArtifactType = "application/vnd.ros.os.v1";
inline constexpr std::string_view kConfigType = "application/vnd.ros.os.config.v1+json";
inline constexpr std::string_view kKernelType = "application/vnd.ros.os.kernel.v1";
inline constexpr std::string_view kInitrdType = "application/vnd.ros.os.initrd.v1";
inline constexpr std::string_view kUnifiedKernelType = "application/vnd.ros.os.uki.v1";
inline constexpr std::string_view kBootloaderType = "application/vnd.ros.os.bootloader.v1+tar";
inline constexpr std::string_view kRootType = "application/vnd.ros.os.root.v1+zstd";
inline constexpr std::string_view kRootIndexType = "application/vnd.ros.os.root.index.v1";
inline constexpr std::string_view kRootIndexPatchType =
    "application/vnd.ros.os.root.index.patch.v1";
inline constexpr std::string_view kFragmentsType = "application/vnd.ros.os.root.fragments.v1";
inline constexpr std::string_view kFragmentIndexType =
    "application/vnd.ros.os.root.fragments.index.v1";
inline constexpr std::string_view kDeltaType = "application/vnd.ros.os.root.delta.v1";
inline constexpr std::string_view kDeltaIndexType = "application/vnd.ros.os.root.delta.index.v1";
inline constexpr std::string_view kKernelDeltaType = "application/vnd.ros.os.kernel.delta.v1";
inline constexpr std::string_view kKernelDeltaIndexType =
    "application/vnd.ros.os.kernel.delta.index.v1";
inline constexpr std::string_view kInitrdDeltaType = "application/vnd.ros.os.initrd.delta.v1";
inline constexpr std::string_view kInitrdDeltaIndexType =
    "application/vnd.ros.os.initrd.delta.index.v1";

// The annotation of a delta's two layers: what it is based on. Of a root its verity root hash, of a
// kernel or initrd the SHA-256 of the file; hexadecimal.
inline constexpr std::string_view kDeltaBaseAnnotation = "vnd.ros.delta.base";

// The annotation of an index entry that names it (OCI image-spec, annotations).
inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";

// Limits on what a manifest may say.
inline constexpr Bytes kMaxManifestSize = Bytes{256} << 10U;
inline constexpr std::size_t kMaxLayers = 192;
inline constexpr Bytes kMaxKernelSize = Bytes{256} << 20U;
inline constexpr Bytes kMaxInitrdSize = Bytes{1} << 30U;
inline constexpr Bytes kMaxUnifiedKernelSize = kMaxKernelSize + kMaxInitrdSize;
inline constexpr Bytes kMaxBootloaderSize = Bytes{64} << 20U;
inline constexpr Bytes kMaxRootBlobSize = Bytes{1} << 40U;
inline constexpr std::size_t kMaxDeltas = 24;  // of each kind, that of an empty file left aside

// The base of a delta that every machine has, a file without bytes (its SHA-256): such a delta is
// a kernel or initrd packed anew.
inline constexpr std::string_view kEmptyBase =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// A blob as a manifest or index names it (OCI image-spec, descriptor).
struct Descriptor {
  std::string media_type;
  keys::Digest digest;
  Bytes size = 0;
  std::map<std::string, std::string> annotations;

  bool operator==(const Descriptor&) const = default;
};

// What makes a root, kernel or initrd of one other that a machine may have.
struct DeltaLayers {
  std::string base;  // as kDeltaBaseAnnotation
  Descriptor index;
  std::optional<Descriptor> patches;  // none where nothing needs one

  bool operator==(const DeltaLayers&) const = default;
};

// A patch (delta/patch.hpp) that makes a root index of one other that a machine may have.
struct IndexPatch {
  std::string base;  // as kDeltaBaseAnnotation
  Descriptor patch;

  bool operator==(const IndexPatch&) const = default;
};

// What puts a root together for a machine that has most of it, whatever it runs.
struct FragmentLayers {
  Descriptor index;
  Descriptor fragments;

  bool operator==(const FragmentLayers&) const = default;
};

// The manifest of an OS image. `digest` is of the raw bytes it was read from (all zero for one that
// is being made).
struct ImageManifest {
  keys::Digest digest;
  Descriptor config;
  Descriptor kernel;
  Descriptor initrd;
  // Both and the kernel arguments in one signed EFI program; those two are empty then.
  std::optional<Descriptor> unified_kernel;
  std::optional<Descriptor> bootloader;
  Descriptor root;
  Descriptor root_index;
  std::vector<IndexPatch> root_index_patches;  // at most one for each base
  std::optional<FragmentLayers> fragments;
  std::vector<DeltaLayers> deltas;  // of the root; at most one for each base
  std::vector<DeltaLayers> kernel_deltas;
  std::vector<DeltaLayers> initrd_deltas;
  std::map<std::string, std::string> annotations;

  bool operator==(const ImageManifest&) const = default;
};

// Reads a descriptor; `where` is its place for messages. Throws kVerification.
Descriptor ParseDescriptor(const Json& json, std::string_view where);
Json ToJson(const Descriptor& descriptor);

// What is stored and signed as an image is.
struct ArtifactKind {
  std::string_view artifact_type;
  std::string_view called;   // in messages: "image"
  std::string_view what;     // "an OS image of ros"
  std::string_view untyped;  // what a manifest without artifactType is instead
  std::string_view command;  // which signs it: "ros image sign"
};

inline constexpr ArtifactKind kOsImage{
    .artifact_type = kArtifactType,
    .called = "image",
    .what = "an OS image of ros",
    .untyped = "this is a container and not an OS image; `ros image build --root` makes one of it",
    .command = "ros image sign"};

// Throws kVerification unless a manifest says that it is one of OCI and of this kind. `where` is
// its place for messages.
void ExpectKind(const Json& manifest, const ArtifactKind& kind, std::string_view where);

// Reads the manifest of an OS image: artifactType, config and layers of our media types, each layer
// exactly once (the boot loader at most once; kernel and initrd, or a unified kernel in the place
// of both; delta layers once for each base), sizes within the limits above. Layers of types that it
// does not know are passed over. Throws kVerification "the image's manifest: PLACE: why".
ImageManifest ParseManifest(std::string_view raw);

// The raw bytes of a manifest, the same for the same value. `digest` is not looked at.
std::string WriteManifest(const ImageManifest& manifest);

}  // namespace ros::images
