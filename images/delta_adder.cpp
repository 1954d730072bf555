#include "images/delta_adder.hpp"

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "delta/patch.hpp"
#include "images/root_fragments.hpp"
#include "images/root_reuse.hpp"

namespace ros::images {
namespace {

Bytes SizeOf(const DeltaLayers& layers) {
  return layers.index.size + (layers.patches ? layers.patches->size : 0);
}

}  // namespace

const std::array<DeltaAdder::FileKind, 2> DeltaAdder::kFileKinds = {
    {{.name = "kernel",
      .file = &ImageManifest::kernel,
      .deltas = &ImageManifest::kernel_deltas,
      .index_type = kKernelDeltaIndexType,
      .patches_type = kKernelDeltaType,
      .told = &BuiltDelta::kernel,
      .told_anew = &BuiltFragments::kernel},
     {.name = "initrd",
      .file = &ImageManifest::initrd,
      .deltas = &ImageManifest::initrd_deltas,
      .index_type = kInitrdDeltaIndexType,
      .patches_type = kInitrdDeltaType,
      .told = &BuiltDelta::initrd,
      .told_anew = &BuiltFragments::initrd}}};

DeltaAdder::DeltaAdder(ImageArchive& archive, ImageManifest& manifest, const DeltaTarget& target)
    : archive_(archive), manifest_(manifest), target_(target) {}

BuiltDelta DeltaAdder::Add(const std::filesystem::path& image,
                           const std::filesystem::path& work,
                           Progress& progress) {
  auto built = AddRoot(image, work, progress);
  const auto source = OpenImage(image);
  const auto older = InspectImage(*source);
  built.root_index = AddRootIndex(*source, older.manifest);
  if (manifest_.unified_kernel || older.manifest.unified_kernel) {
    built.kernel = manifest_.unified_kernel.value_or(manifest_.kernel).size;
    built.initrd = manifest_.initrd.size;
    return built;
  }
  for (const auto& kind : kFileKinds) {
    built.*kind.told = AddFile(*source, older, kind, work, progress);
  }
  return built;
}

BuiltDelta DeltaAdder::AddRoot(const std::filesystem::path& image,
                               const std::filesystem::path& work,
                               Progress& progress) {
  const TempDirectory unpacked(work, "base");
  const auto base = UnpackDeltaBase(image, unpacked.path() / "root", progress);
  const auto file = work / ("delta-" + std::to_string(manifest_.deltas.size()));
  const auto layer = MakeDelta(base, target_, file, progress);
  DeltaLayers layers{.base = base.root_hash};
  layers.index = AddBlob(MakeBlob(kDeltaIndexType, WriteDeltaIndex(layer.index, target_.chunks)));
  if (layer.size > 0) {
    layers.patches = AddBlob({{std::string(kDeltaType), layer.digest, layer.size, {}}, file});
  }
  manifest_.deltas.push_back(layers);
  const auto plan = PlanRoot(target_.chunks, {.delta = &layer.index}, {});
  return {.version = base.version,
          .index_size = layers.index.size,
          .size = layer.size,
          .copied = plan.copied,
          .patched = plan.patched,
          .unpacked = plan.unpacked,
          .frames = plan.fetched - layer.size};
}

std::optional<BuiltFragments> DeltaAdder::AddFragments(const std::filesystem::path& since,
                                                       const std::filesystem::path& work,
                                                       Progress& progress) {
  const auto older = InspectImage(*OpenImage(since));
  BuiltFragments built{.version = older.config.version};
  const auto file = work / "fragments";
  const auto layer = MakeFragments(older.chunks, target_, file, progress);
  if (!layer.index.empty()) {
    manifest_.fragments = FragmentLayers{
        .index =
            AddBlob(MakeBlob(kFragmentIndexType, WriteFragmentIndex(layer.index, target_.chunks))),
        .fragments = AddBlob({{std::string(kFragmentsType), layer.digest, layer.size, {}}, file})};
    built.index_size = manifest_.fragments->index.size;
    built.size = layer.size;
    built.divided = layer.divided;
  }
  const auto& unified = manifest_.unified_kernel;
  if (unified) {
    built.kernel = unified == older.manifest.unified_kernel ? 0 : unified->size;
  } else {
    for (const auto& kind : kFileKinds) {
      built.*kind.told_anew = AddAnew(older.manifest, kind, work, progress);
    }
  }
  return built.divided + built.kernel + built.initrd > 0 ? std::optional(built) : std::nullopt;
}

Bytes DeltaAdder::AddAnew(const ImageManifest& older,
                          const FileKind& kind,
                          const std::filesystem::path& work,
                          Progress& progress) {
  const auto& target = manifest_.*kind.file;
  if ((older.*kind.file).digest == target.digest) {
    return 0;
  }
  const FilePair files{.base_name = "no other " + std::string(kind.name),
                       .base = {},
                       .target = ContentOf(target.digest)};
  return AddFileDelta(files, kEmptyBase, kind, work, progress);
}

Bytes DeltaAdder::AddRootIndex(const ImageSource& source, const ImageManifest& older) {
  const auto& target = manifest_.root_index;
  if (older.root_index.digest == target.digest) {
    return 0;
  }
  if (older.root_index.size > delta::kMaxBase || target.size > delta::kMaxTarget) {
    return target.size;
  }
  auto& patches = manifest_.root_index_patches;
  const auto base = older.root_index.digest.Hex();
  // Older images that differ in their kernels alone share it.
  if (const auto found = std::ranges::find(patches, base, &IndexPatch::base);
      found != patches.end()) {
    return found->patch.size;
  }
  const auto content = ReadBlob(source, older.root_index, kMaxIndexSize);
  auto patch = delta::MakePatch(AsBytes(content), AsBytes(ContentOf(target.digest)));
  if (patch.size() >= target.size) {
    return target.size;
  }
  patches.push_back(
      {.base = base, .patch = AddBlob(MakeBlob(kRootIndexPatchType, std::move(patch)))});
  return patches.back().patch.size;
}

Bytes DeltaAdder::AddFile(const ImageSource& source,
                          const VerifiedImage& older,
                          const FileKind& kind,
                          const std::filesystem::path& work,
                          Progress& progress) {
  const auto& base = older.manifest.*kind.file;
  const auto& target = manifest_.*kind.file;
  if (base.digest == target.digest) {
    return 0;
  }
  // Several older images may share a kernel.
  if (const auto* found = FindFileDelta(manifest_.*kind.deltas, base.digest.Hex())) {
    return SizeOf(*found);
  }
  const auto content = ReadBlob(source, base, kMaxInitrdSize);
  const FilePair files{.base_name = "the " + std::string(kind.name) + " of " + older.config.version,
                       .base = content,
                       .target = ContentOf(target.digest)};
  return AddFileDelta(files, base.digest.Hex(), kind, work, progress);
}

Bytes DeltaAdder::AddFileDelta(const FilePair& files,
                               std::string_view base,
                               const FileKind& kind,
                               const std::filesystem::path& work,
                               Progress& progress) {
  const auto made = MakeFileDelta(files, work, progress);
  if (!made) {
    return files.target.size();
  }
  DeltaLayers layers{.base = std::string(base),
                     .index = AddBlob(MakeBlob(kind.index_type, made->index))};
  if (!made->patches.empty()) {
    layers.patches = AddBlob(MakeBlob(kind.patches_type, made->patches));
  }
  (manifest_.*kind.deltas).push_back(layers);
  return SizeOf(layers);
}

Descriptor DeltaAdder::AddBlob(ArchiveBlob blob) {
  const bool is_there = std::ranges::any_of(archive_.blobs, [&](const ArchiveBlob& other) {
    return other.descriptor.digest == blob.descriptor.digest;
  });
  auto descriptor = blob.descriptor;
  if (!is_there) {
    archive_.blobs.push_back(std::move(blob));
  }
  return descriptor;
}

std::string_view DeltaAdder::ContentOf(const keys::Digest& digest) const {
  const auto found = std::ranges::find_if(
      archive_.blobs, [&](const ArchiveBlob& blob) { return blob.descriptor.digest == digest; });
  return std::get<std::string>(found->content);
}

}  // namespace ros::images
