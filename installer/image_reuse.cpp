#include "installer/image_reuse.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "images/chunk_index.hpp"
#include "installer/slot_content.hpp"
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
std::optional<images::RootDelta> ReadDelta(const SourcedImage& wanted,
                                           const images::ImageConfig& running,
                                           Progress& progress) {
  for (const auto& delta : wanted.image.manifest.deltas) {
    if (delta.base != running.root.verity.root_hash) {
      continue;
    }
    try {
      const auto raw = images::ReadBlob(wanted.source, delta.index, images::kMaxDeltaIndexSize);
      const auto patches = delta.patches.value_or(images::Descriptor());
      return images::RootDelta{
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

// The files of the running slot that the image has too, read and compared.
std::map<keys::Digest, std::string> FindFiles(const FatVolume& boot,
                                              SlotId running,
                                              const images::ImageManifest& old,
                                              const images::ImageManifest& manifest) {
  AlignedBuffer buffer(Bytes{1} << 20U);
  std::map<keys::Digest, std::string> files;
  for (const auto& wanted : KernelBlobs(manifest)) {
    for (const auto& held : KernelBlobs(old)) {
      if (held.descriptor.digest != wanted.descriptor.digest) {
        continue;
      }
      try {
        const auto& [type, digest, size, annotations] = wanted.descriptor;
        if (DigestOnDisk(boot.Find(PathOf(running, held.name)).data, size, buffer) == digest) {
          files.emplace(digest, held.name);
        }
      } catch (const Error&) {
        continue;  // It is fetched then.
      }
    }
  }
  return files;
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
    return reuse;
  }
  reuse.delta = ReadDelta(wanted, old->config, progress);
  reuse.root = images::PlanRoot(image.chunks,
                                {.chunks = ReadRootIndex(machine.state, running, *old),
                                 .delta = reuse.delta ? &reuse.delta->index : nullptr},
                                kept);
  reuse.files = FindFiles(boot, running, old->manifest, image.manifest);
  return reuse;
}

Bytes BytesToFetch(const images::VerifiedImage& image, const ImageReuse& reuse, bool with_root) {
  Bytes bytes = with_root ? reuse.root.fetched : 0;
  for (const auto& blob : KernelBlobs(image.manifest)) {
    bytes += reuse.files.contains(blob.descriptor.digest) ? 0 : blob.descriptor.size;
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
    return image_.OpenBlob(digest);
  }
  const auto size = image_.OpenBlob(digest)->size();
  return std::make_unique<FileOfSlot>(boot_.Find(PathOf(running_, found->second)), size);
}

std::string RootIndexFile(SlotId slot) {
  return "root-index-" + std::string(Name(slot));
}

void RememberRootIndex(const std::filesystem::path& state,
                       SlotId slot,
                       const images::VerifiedImage& image) {
  WriteFileAtomically(state / RootIndexFile(slot), AsBytes(images::WriteChunkIndex(image.chunks)));
}

}  // namespace ros::installer
