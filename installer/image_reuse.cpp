#include "installer/image_reuse.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "images/chunk_index.hpp"
#include "installer/slot_content.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

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

// Where a plan leaves something out of the image's layers, or fragments may, one byte is asked for:
// afterwards it is known whether such a part can be had without what is in front of it.
void AskForPart(const SourcedImage& wanted,
                const images::RootPlan& plan,
                const std::optional<images::Delta>& delta) {
  const auto& manifest = wanted.image.manifest;
  const bool has_frames = FramesOf(plan, wanted.image.chunks) > 0;
  const auto left_out = images::BytesBetween(
      plan, wanted.image.chunks, delta ? &delta->index : nullptr, {.whole = true});
  if (left_out == 0 && !(has_frames && manifest.fragments)) {
    return;
  }
  try {
    std::byte first{};
    wanted.source.OpenBlob(has_frames ? manifest.root.digest : delta->patches.digest)
        ->ReadAt(0, {&first, 1});
  } catch (const Error&) {
    ThrowIfInterrupted();  // Who reads more of it says what is wrong.
  }
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
  const bool takes_patches = !wanted.source.is_passing();
  const bool is_fetched = wanted.source.is_remote() && takes_patches;
  ImageReuse reuse;
  if (!old) {
    reuse.root = images::PlanRoot(image.chunks, {}, kept);
    if (is_fetched) {
      AskForPart(wanted, reuse.root, reuse.delta);
      reuse.root.fetched = BytesOfRoot(wanted, reuse.root, reuse.delta);
    }
    reuse.why = "the folder of slot " + std::string(Name(running)) + " does not say what runs";
    return reuse;
  }
  if (takes_patches) {
    reuse.delta = ReadDelta(wanted, old->config, progress);
  }
  const auto chunks = ReadRootIndex(machine.state, running, *old);
  reuse.root = images::PlanRoot(
      image.chunks, {.chunks = chunks, .delta = reuse.delta ? &reuse.delta->index : nullptr}, kept);
  if (is_fetched) {
    AskForPart(wanted, reuse.root, reuse.delta);
    if (wanted.source.range_costs().whole) {
      LeaveOutDelta(wanted, images::PlanRoot(image.chunks, {.chunks = chunks}, kept), reuse);
    } else if (!reuse.delta) {
      // Of a file on this machine the frames are read sooner than all of the running root.
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
  reuse.files = FindReusedFiles({.boot = boot, .slot = running}, old->manifest, wanted, progress);
  return reuse;
}

Bytes BytesToFetch(const images::VerifiedImage& image, const ImageReuse& reuse, bool with_root) {
  Bytes bytes = with_root ? reuse.root.fetched : 0;
  for (const auto& blob : KernelBlobs(image.manifest)) {
    const auto& digest = blob.descriptor.digest;
    if (const auto patched = reuse.files.patched.find(digest);
        patched != reuse.files.patched.end()) {
      bytes += patched->second.delta.patches.size;
    } else if (!reuse.files.held.contains(digest)) {
      bytes += blob.descriptor.size;
    }
  }
  return bytes;
}

ReusingImage::ReusingImage(const images::ImageSource& image,
                           const SlotFolder& running,
                           const ImageReuse& reuse)
    : image_(image), running_(running), reuse_(reuse) {}

std::unique_ptr<images::Blob> ReusingImage::OpenBlob(const keys::Digest& digest) const {
  const auto& [held, patched] = reuse_.files;
  if (const auto found = held.find(digest); found != held.end()) {
    const auto blob = image_.OpenBlob(digest);
    blob->Announce({});
    return OpenSlotFile(running_, found->second, blob->size());
  }
  const auto found = patched.find(digest);
  return found == patched.end() ? image_.OpenBlob(digest)
                                : OpenMadeFile(running_, image_, digest, found->second);
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
