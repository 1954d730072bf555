#include "images/delta_adder.hpp"

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "images/file_delta.hpp"
#include "images/root_reuse.hpp"

namespace ros::images {

DeltaAdder::DeltaAdder(ImageArchive& archive, ImageManifest& manifest, const DeltaTarget& target)
    : archive_(archive), manifest_(manifest), target_(target) {}

BuiltDelta DeltaAdder::Add(const std::filesystem::path& image,
                           const std::filesystem::path& work,
                           Progress& progress) {
  auto built = AddRoot(image, work, progress);
  const auto source = OpenImage(image);
  const auto older = InspectImage(*source);
  if (manifest_.unified_kernel || older.manifest.unified_kernel) {
    built.kernel = manifest_.unified_kernel.value_or(manifest_.kernel).size;
    built.initrd = manifest_.initrd.size;
    return built;
  }
  built.kernel = AddFile(*source,
                         {.name = "the kernel of " + built.version,
                          .base = older.manifest.kernel,
                          .target = manifest_.kernel,
                          .index_type = kKernelDeltaIndexType,
                          .patches_type = kKernelDeltaType},
                         work,
                         manifest_.kernel_deltas,
                         progress);
  built.initrd = AddFile(*source,
                         {.name = "the initrd of " + built.version,
                          .base = older.manifest.initrd,
                          .target = manifest_.initrd,
                          .index_type = kInitrdDeltaIndexType,
                          .patches_type = kInitrdDeltaType},
                         work,
                         manifest_.initrd_deltas,
                         progress);
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

Bytes DeltaAdder::AddFile(const ImageSource& older,
                          const FilePair& pair,
                          const std::filesystem::path& work,
                          std::vector<DeltaLayers>& deltas,
                          Progress& progress) {
  const auto size_of = [](const DeltaLayers& layers) {
    return layers.index.size + (layers.patches ? layers.patches->size : 0);
  };
  if (pair.base.digest == pair.target.digest) {
    return 0;
  }
  // Several older images may share a kernel.
  if (const auto* found = FindFileDelta(deltas, pair.base.digest)) {
    return size_of(*found);
  }
  const auto base = ReadBlob(older, pair.base, kMaxInitrdSize);
  const auto made = MakeFileDelta({.name = pair.name, .content = base},
                                  {.name = pair.name, .content = ContentOf(pair.target.digest)},
                                  work,
                                  progress);
  if (!made) {
    return pair.target.size;
  }
  DeltaLayers layers{.base = pair.base.digest.Hex(),
                     .index = AddBlob(MakeBlob(pair.index_type, made->index))};
  if (!made->patches.empty()) {
    layers.patches = AddBlob(MakeBlob(pair.patches_type, made->patches));
  }
  deltas.push_back(layers);
  return size_of(layers);
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
