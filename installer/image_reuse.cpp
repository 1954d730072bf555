#include "installer/image_reuse.hpp"

#include <algorithm>
#include <functional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "images/chunk_index.hpp"
#include "images/file_delta.hpp"
#include "images/repacked_blob.hpp"
#include "installer/slot_content.hpp"
#include "packing/unpacked_form.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

using partitions::FatFile;
using partitions::FatVolume;

// What the folder of the running slot says of the image that it was written with.
struct RunningImage {
  images::ImageManifest manifest;
  images::ImageConfig config;
};

std::optional<RunningImage> ReadRunning(const FatVolume& boot, SlotId slot) {
  try {
    const auto texts = ReadSlotTexts(boot, slot);
    return RunningImage{
        .manifest = images::ParseManifest(texts.at(std::string(partitions::kManifestFile))),
        .config = images::ParseImageConfig(texts.at(std::string(partitions::kConfigFile)))};
  } catch (const std::exception&) {
    return std::nullopt;  // A damaged folder has nothing to give.
  }
}

// The index that the running slot was written with; empty where it is not there any more.
std::vector<images::Chunk> ReadRootIndex(const std::filesystem::path& state,
                                         SlotId slot,
                                         const RunningImage& running) {
  try {
    const auto raw = ReadFile(state / RootIndexFile(slot), images::kMaxIndexSize);
    if (keys::Sha256Of(AsBytes(raw)) != running.manifest.root_index.digest) {
      return {};
    }
    return images::ParseChunkIndex(
        AsBytes(raw), running.config.root.size, running.manifest.root.size);
  } catch (const Error&) {
    return {};
  }
}

// The delta from the running root, if the image has one. Where that cannot be had, frames can.
std::optional<images::Delta> ReadDelta(const SourcedImage& wanted,
                                       const images::ImageConfig& running,
                                       Progress& progress) {
  for (const auto& delta : wanted.image.manifest.deltas) {
    if (delta.base != running.root.verity.root_hash) {
      continue;
    }
    try {
      const auto raw = images::ReadBlob(wanted.source, delta.index, images::kMaxDeltaIndexSize);
      const auto patches = delta.patches.value_or(images::Descriptor());
      return images::Delta{
          .patches = patches,
          .index = images::ParseDeltaIndex(AsBytes(raw), wanted.image.chunks, patches.size)};
    } catch (const Error& error) {
      ThrowIfInterrupted();
      progress.Warn("the delta from " + running.version +
                    " cannot be used, so more is fetched: " + error.message());
      return std::nullopt;
    }
  }
  return std::nullopt;
}

// The frames that a plan has of chunks from the image, in bytes.
Bytes FramesOf(const images::RootPlan& plan, const std::vector<images::Chunk>& chunks) {
  Bytes frames = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    frames += plan.chunks[i].origin == images::ChunkOrigin::kImage ? chunks[i].packed_length : 0U;
  }
  return frames;
}

// Whether parts of the image's layers can be had without what is in front of them. Where a plan
// leaves some out, or fragments may, one byte is asked for, which shows it.
bool ComesInParts(const SourcedImage& wanted,
                  const images::RootPlan& plan,
                  const std::optional<images::Delta>& delta) {
  const auto& manifest = wanted.image.manifest;
  const bool has_frames = FramesOf(plan, wanted.image.chunks) > 0;
  const auto left_out = images::BytesBetween(
      plan, wanted.image.chunks, delta ? &delta->index : nullptr, {.whole = true});
  if (left_out == 0 && !(has_frames && manifest.fragments)) {
    return true;
  }
  try {
    std::byte first{};
    wanted.source.OpenBlob(has_frames ? manifest.root.digest : delta->patches.digest)
        ->ReadAt(0, {&first, 1});
  } catch (const Error&) {
    ThrowIfInterrupted();  // Who reads more of it says what is wrong.
  }
  return !wanted.source.range_costs().whole;
}

// All that comes over the network of a root's layers.
Bytes BytesOfRoot(const SourcedImage& wanted,
                  const images::RootPlan& plan,
                  const std::optional<images::Delta>& delta) {
  return plan.fetched + images::BytesBetween(plan,
                                             wanted.image.chunks,
                                             delta ? &delta->index : nullptr,
                                             wanted.source.range_costs());
}

// Where whole layers come, patches may come besides all of the frames: goes by `frames`, the plan
// without the delta, unless that is more.
void LeaveOutDelta(const SourcedImage& wanted, images::RootPlan frames, ImageReuse& reuse) {
  if (reuse.delta &&
      BytesOfRoot(wanted, frames, std::nullopt) <= BytesOfRoot(wanted, reuse.root, reuse.delta)) {
    reuse.root = std::move(frames);
    reuse.delta.reset();
  }
}

// What of a slot a root of this size can be, whose config may be damaged.
Bytes WholeBlocks(Bytes root_size, const Region& slot) {
  return std::min(root_size, slot.length()) / images::kBlockSize * images::kBlockSize;
}

// What of the chunks that a plan has from the image can be put together of fragments and of what
// the running root has. Where that cannot be had, frames can.
std::optional<images::FragmentPlan> TakeFragments(const SourcedImage& wanted,
                                                  const images::SearchedRoot& running,
                                                  images::RootPlan& plan,
                                                  Progress& progress) {
  const auto& [source, image] = wanted;
  // What is less is fetched sooner than a root is read.
  constexpr Bytes kWorthReading = Bytes{64} << 10U;
  const auto& layers = image.manifest.fragments;
  if (!layers || FramesOf(plan, image.chunks) < kWorthReading + layers->index.size) {
    return std::nullopt;
  }
  try {
    const auto fragments = images::ReadFragments(source, *layers, image.chunks);
    return images::PlanFragments({.source = source, .chunks = image.chunks, .fragments = fragments},
                                 running,
                                 plan,
                                 progress);
  } catch (const Error& error) {
    ThrowIfInterrupted();
    progress.Warn("the image's fragments cannot be used, so more is fetched: " + error.message());
    return std::nullopt;
  }
}

// Reads a file of the boot partition as a blob.
class FileOfSlot final : public images::Blob {
 public:
  FileOfSlot(FatFile file, Bytes size) : file_(std::move(file)), size_(size) {}

  [[nodiscard]] Bytes size() const override { return size_; }

  void ReadAt(Bytes offset, MutableByteSpan into) const override {
    if (offset > size_ || into.size() > size_ - offset) {
      throw Error(ErrorKind::kVerification, file_.path + " is read beyond its end");
    }
    file_.data.Read(offset, into);
  }

 private:
  FatFile file_;
  Bytes size_;
};

// A file of a slot as its unpacked form; of size 0, the form of an empty file.
packing::UnpackedForm FormOf(const FatVolume& boot,
                             SlotId slot,
                             const std::string& name,
                             Bytes size) {
  if (size == 0) {
    return {[](Bytes, MutableByteSpan) {}, 0};
  }
  const auto file = std::make_shared<FileOfSlot>(boot.Find(PathOf(slot, name)), size);
  return {[file](Bytes offset, MutableByteSpan into) { file->ReadAt(offset, into); }, size};
}

// Finds what of the kernel and initrd need not be fetched.
class FileFinder {
 public:
  // All live longer than this.
  FileFinder(const FatVolume& boot, SlotId running, const SourcedImage& wanted, Progress& progress)
      : boot_(boot), running_(running), wanted_(wanted), progress_(progress) {}

  // Of `old`, the manifest that the running slot was written with: those that are the same.
  void FindHeld(const images::ImageManifest& old, ImageReuse& reuse) {
    for (const auto& file : KernelBlobs(wanted_.image.manifest)) {
      for (const auto& held : KernelBlobs(old)) {
        if (held.descriptor.digest == file.descriptor.digest && IsThere(held)) {
          reuse.files.emplace(file.descriptor.digest, held.name);
        }
      }
    }
  }

  // The others, where the image has a delta from the one that is there.
  void FindPatched(const images::ImageManifest& old, ImageReuse& reuse) {
    const auto& manifest = wanted_.image.manifest;
    if (!manifest.unified_kernel && !old.unified_kernel) {
      const KernelBlob kernel{partitions::kKernelFile, old.kernel};
      const KernelBlob initrd{partitions::kInitrdFile, old.initrd};
      const auto packs_alike = [&] { return PacksAsIn(initrd) || PacksAsIn(kernel); };
      FindDelta(kernel, {manifest.kernel, manifest.kernel_deltas}, packs_alike, reuse);
      FindDelta(initrd, {manifest.initrd, manifest.initrd_deltas}, packs_alike, reuse);
    }
  }

 private:
  // A blob of the image, and what it has for those who hold another one.
  struct Wanted {
    const images::Descriptor& descriptor;
    const std::vector<images::DeltaLayers>& deltas;
  };

  // Whether a delta is less to fetch than the file.
  static bool Spares(const images::DeltaLayers& layers, Bytes file_size) {
    const Bytes patches = layers.patches ? layers.patches->size : 0;
    return layers.index.size < file_size && patches < file_size - layers.index.size;
  }

  // Whether the running slot's file is what its manifest says.
  [[nodiscard]] bool IsThere(const KernelBlob& held) const {
    try {
      const auto& [type, digest, size, annotations] = held.descriptor;
      return DigestOnDisk(boot_.Find(PathOf(running_, held.name)).data, size, buffer_) == digest;
    } catch (const Error&) {
      return false;  // It is fetched then.
    }
  }

  // One of the file that the slot has, or of none. What is not fetched costs no packing.
  [[nodiscard]] const images::DeltaLayers* ChooseDelta(const KernelBlob& held,
                                                       const Wanted& file) const {
    const auto size = file.descriptor.size;
    const auto* of_held = images::FindFileDelta(file.deltas, held.descriptor.digest.Hex());
    if (of_held != nullptr && Spares(*of_held, size) && IsThere(held)) {
      return of_held;
    }
    const auto* of_none = images::FindFileDelta(file.deltas, images::kEmptyBase);
    return of_none != nullptr && wanted_.source.is_remote() && Spares(*of_none, size) ? of_none
                                                                                      : nullptr;
  }

  // Whether this machine packs to the bytes that are in a file of the running slot. False where
  // nothing is packed in it, or it cannot be read.
  [[nodiscard]] bool PacksAsIn(const KernelBlob& held) const {
    try {
      auto form = FormOf(boot_, running_, std::string(held.name), held.descriptor.size);
      return form.layout().packing != packing::Packing::kNone && form.PacksAsItWas();
    } catch (const Error&) {
      return false;
    }
  }

  // `packs_alike` is asked where the delta is of no file.
  void FindDelta(const KernelBlob& held,
                 const Wanted& file,
                 const std::function<bool()>& packs_alike,
                 ImageReuse& reuse) {
    const auto* layers =
        reuse.files.contains(file.descriptor.digest) ? nullptr : ChooseDelta(held, file);
    if (layers == nullptr) {
      return;
    }
    const bool of_none = layers->base == images::kEmptyBase;
    try {
      const std::string name(held.name);
      const auto size = held.descriptor.size;
      if (of_none ? !packs_alike() : !FormOf(boot_, running_, name, size).PacksAsItWas()) {
        throw Error(ErrorKind::kRefused, "this machine's lz4 packs to other bytes, or may do so");
      }
      reuse.patched_files.emplace(
          file.descriptor.digest,
          FileReuse{.name = name,
                    .base_size = of_none ? 0 : size,
                    .delta = images::ReadFileDelta(wanted_.source, *layers)});
    } catch (const Error& error) {
      ThrowIfInterrupted();
      progress_.Warn("the delta of " + std::string(held.name) +
                     " cannot be used, so more is fetched: " + error.message());
    }
  }

  const FatVolume& boot_;
  SlotId running_;
  const SourcedImage& wanted_;
  Progress& progress_;
  mutable AlignedBuffer buffer_{Bytes{1} << 20U};
};

// Which way the root comes, and why not by a better one.
std::string WhyThisWay(const SourcedImage& wanted,
                       const RunningImage& running,
                       const ImageReuse& reuse,
                       bool knows_chunks) {
  const auto& manifest = wanted.image.manifest;
  const auto& version = running.config.version;
  if (reuse.delta) {
    return "the image has a delta from " + version;
  }
  std::string why;
  if (wanted.source.is_passing()) {
    why = "deltas come behind the root in a pipe";
  } else if (wanted.source.range_costs().whole) {
    why = "its registry gives layers as a whole alone";
  } else {
    const bool has_delta = std::ranges::any_of(manifest.deltas, [&](const auto& delta) {
      return delta.base == running.config.root.verity.root_hash;
    });
    why = has_delta ? "the image's delta from " + version + " cannot be used"
                    : "the image has no delta from " + version;
    why += manifest.fragments ? "" : ", and no fragments";
  }
  return why + (knows_chunks ? "" : "; of which chunks its root was made is not known here");
}

}  // namespace

ImageReuse FindReuse(const Machine& machine,
                     const FatVolume& boot,
                     const SourcedImage& wanted,
                     SlotId target,
                     Progress& progress) {
  const auto& image = wanted.image;
  const auto running = machine.running.value().slot;
  const auto old = ReadRunning(boot, running);
  const auto slot =
      partitions::OpenPartition(machine.disk, partitions::RoleOf(target), DeviceAccess::kRead);
  const auto kept = images::FindKeptChunks(slot, image.chunks, progress);
  ImageReuse reuse;
  if (!old) {
    reuse.root = images::PlanRoot(image.chunks, {}, kept);
    if (wanted.source.is_remote() && !wanted.source.is_passing()) {
      (void)ComesInParts(wanted, reuse.root, {});
      reuse.root.fetched = BytesOfRoot(wanted, reuse.root, {});
    }
    reuse.why = "the folder of slot " + std::string(Name(running)) + " does not say what runs";
    return reuse;
  }
  const bool takes_patches = !wanted.source.is_passing();
  if (takes_patches) {
    reuse.delta = ReadDelta(wanted, old->config, progress);
  }
  const auto chunks = ReadRootIndex(machine.state, running, *old);
  reuse.root = images::PlanRoot(
      image.chunks, {.chunks = chunks, .delta = reuse.delta ? &reuse.delta->index : nullptr}, kept);
  // A file's frames are read sooner than all of the running root.
  if (wanted.source.is_remote() && takes_patches) {
    if (!ComesInParts(wanted, reuse.root, reuse.delta)) {
      LeaveOutDelta(wanted, images::PlanRoot(image.chunks, {.chunks = chunks}, kept), reuse);
    } else if (!reuse.delta) {
      const auto root =
          partitions::OpenPartition(machine.disk, partitions::RoleOf(running), DeviceAccess::kRead);
      reuse.fragments =
          TakeFragments(wanted,
                        {.slot = root, .size = WholeBlocks(old->config.root.size, root)},
                        reuse.root,
                        progress);
    }
    reuse.root.fetched = BytesOfRoot(wanted, reuse.root, reuse.delta);
  }
  reuse.why = WhyThisWay(wanted, *old, reuse, !chunks.empty());
  FileFinder files(boot, running, wanted, progress);
  files.FindHeld(old->manifest, reuse);
  if (takes_patches) {
    files.FindPatched(old->manifest, reuse);
  }
  return reuse;
}

Bytes BytesToFetch(const images::VerifiedImage& image, const ImageReuse& reuse, bool with_root) {
  Bytes bytes = with_root ? reuse.root.fetched : 0;
  for (const auto& blob : KernelBlobs(image.manifest)) {
    const auto& digest = blob.descriptor.digest;
    if (const auto patched = reuse.patched_files.find(digest);
        patched != reuse.patched_files.end()) {
      bytes += patched->second.delta.patches.size;
    } else if (!reuse.files.contains(digest)) {
      bytes += blob.descriptor.size;
    }
  }
  return bytes;
}

ReusingImage::ReusingImage(const images::ImageSource& image,
                           const FatVolume& boot,
                           SlotId running,
                           const ImageReuse& reuse)
    : image_(image), boot_(boot), running_(running), reuse_(reuse) {}

std::unique_ptr<images::Blob> ReusingImage::OpenBlob(const keys::Digest& digest) const {
  const auto found = reuse_.files.find(digest);
  if (found == reuse_.files.end()) {
    const auto patched = reuse_.patched_files.find(digest);
    return patched == reuse_.patched_files.end() ? image_.OpenBlob(digest)
                                                 : OpenPatched(digest, patched->second);
  }
  const auto size = image_.OpenBlob(digest)->size();
  return std::make_unique<FileOfSlot>(boot_.Find(PathOf(running_, found->second)), size);
}

std::unique_ptr<images::Blob> ReusingImage::OpenPatched(const keys::Digest& digest,
                                                        const FileReuse& file) const {
  try {
    const auto& patches = file.delta.patches;
    return images::MakeRepackedBlob(
        {.whole = image_.OpenBlob(digest),
         .patches = patches.size == 0 ? nullptr : image_.OpenBlob(patches.digest),
         .delta = &file.delta,
         .base = FormOf(boot_, running_, file.name, file.base_size)});
  } catch (const Error&) {
    ThrowIfInterrupted();
    return image_.OpenBlob(digest);  // The file here cannot be read any more.
  }
}

std::string RootIndexFile(SlotId slot) {
  return "root-index-" + std::string(Name(slot));
}

images::FindRootIndex RootIndexesIn(const std::filesystem::path& state) {
  return [state](std::string_view sha256) {
    for (const auto slot : {SlotId::kA, SlotId::kB}) {
      try {
        auto raw = ReadFile(state / RootIndexFile(slot), images::kMaxIndexSize);
        if (keys::Sha256Of(AsBytes(raw)).Hex() == sha256) {
          return raw;
        }
      } catch (const Error&) {
        continue;  // That slot has none.
      }
    }
    return std::string();
  };
}

void RememberRootIndex(const std::filesystem::path& state,
                       SlotId slot,
                       const images::VerifiedImage& image) {
  WriteFileAtomically(state / RootIndexFile(slot), AsBytes(images::WriteChunkIndex(image.chunks)));
}

}  // namespace ros::installer
