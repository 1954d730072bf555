#include "installer/file_reuse.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "images/file_delta.hpp"
#include "images/repacked_blob.hpp"
#include "installer/slot_content.hpp"
#include "packing/unpacked_form.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

// Reads a file of the boot partition as a blob.
class FileOfSlot final : public images::Blob {
 public:
  FileOfSlot(partitions::FatFile file, Bytes size) : file_(std::move(file)), size_(size) {}

  [[nodiscard]] Bytes size() const override { return size_; }

  void ReadAt(Bytes offset, MutableByteSpan into) const override {
    if (offset > size_ || into.size() > size_ - offset) {
      throw Error(ErrorKind::kVerification, file_.path + " is read beyond its end");
    }
    file_.data.Read(offset, into);
  }

 private:
  partitions::FatFile file_;
  Bytes size_;
};

packing::UnpackedForm FormOfNothing() {
  return {[](Bytes, MutableByteSpan) {}, 0};
}

// A file of a slot as its unpacked form.
packing::UnpackedForm FormOf(const SlotFolder& folder, std::string_view name, Bytes size) {
  const std::shared_ptr<images::Blob> file = OpenSlotFile(folder, name, size);
  return {[file](Bytes offset, MutableByteSpan into) { file->ReadAt(offset, into); }, size};
}

// Finds what of the kernel and initrd need not be fetched.
class FileFinder {
 public:
  // All live longer than this.
  FileFinder(const SlotFolder& running,
             const images::ImageManifest& old,
             const SourcedImage& wanted,
             Progress& progress)
      : running_(running), old_(old), wanted_(wanted), progress_(progress) {}

  ReusedFiles Find() {
    FindHeld();
    const auto& manifest = wanted_.image.manifest;
    // Patches come too late in a pipe, and a unified kernel has none.
    if (!wanted_.source.is_passing() && !manifest.unified_kernel && !old_.unified_kernel) {
      FindDelta(Kernel(), {manifest.kernel, manifest.kernel_deltas});
      FindDelta(Initrd(), {manifest.initrd, manifest.initrd_deltas});
    }
    return std::move(found_);
  }

 private:
  // A blob of the image, and what it has for those who hold another one.
  struct Wanted {
    const images::Descriptor& descriptor;
    const std::vector<images::DeltaLayers>& deltas;
  };

  [[nodiscard]] KernelBlob Kernel() const { return {partitions::kKernelFile, old_.kernel}; }

  [[nodiscard]] KernelBlob Initrd() const { return {partitions::kInitrdFile, old_.initrd}; }

  // Those that are the same.
  void FindHeld() {
    for (const auto& file : KernelBlobs(wanted_.image.manifest)) {
      for (const auto& held : KernelBlobs(old_)) {
        if (held.descriptor.digest == file.descriptor.digest && IsThere(held)) {
          found_.held.emplace(file.descriptor.digest, held.name);
        }
      }
    }
  }

  // Whether a delta is less to fetch than the file.
  static bool Spares(const images::DeltaLayers* layers, Bytes file_size) {
    if (layers == nullptr) {
      return false;
    }
    const Bytes patches = layers->patches ? layers->patches->size : 0;
    return layers->index.size < file_size && patches < file_size - layers->index.size;
  }

  // Whether the running slot's file is what its manifest says.
  bool IsThere(const KernelBlob& held) {
    try {
      const auto& [type, digest, size, annotations] = held.descriptor;
      const auto file = running_.boot.Find(PathOf(running_.slot, held.name));
      return DigestOnDisk(file.data, size, buffer_) == digest;
    } catch (const Error&) {
      return false;  // It is fetched then.
    }
  }

  // Whether this machine packs to the bytes that are in a file of the running slot. False where
  // nothing is packed in it, or it cannot be read.
  [[nodiscard]] bool PacksAsIn(const KernelBlob& held) const {
    try {
      auto form = FormOf(running_, held.name, held.descriptor.size);
      return form.layout().packing != packing::Packing::kNone && form.PacksAsItWas();
    } catch (const Error&) {
      return false;
    }
  }

  // By a delta of the file that is there; else of none, unless it costs nothing to fetch it whole.
  void FindDelta(const KernelBlob& held, const Wanted& file) {
    const auto size = file.descriptor.size;
    if (found_.held.contains(file.descriptor.digest)) {
      return;
    }
    const auto* of_held = images::FindFileDelta(file.deltas, held.descriptor.digest.Hex());
    if (Spares(of_held, size) && IsThere(held)) {
      TakeDelta(*of_held, held.descriptor.size, {held}, file.descriptor.digest);
      return;
    }
    const auto* of_none = images::FindFileDelta(file.deltas, images::kEmptyBase);
    if (Spares(of_none, size) && wanted_.source.is_remote()) {
      TakeDelta(*of_none, 0, {held, Initrd(), Kernel()}, file.descriptor.digest);
    }
  }

  // `shows` are the files that may show how this machine packs; the delta makes one that is called
  // as the first of them.
  void TakeDelta(const images::DeltaLayers& layers,
                 Bytes base_size,
                 const std::vector<KernelBlob>& shows,
                 const keys::Digest& made) {
    const std::string name(shows.front().name);
    try {
      if (std::ranges::none_of(shows, [&](const auto& held) { return PacksAsIn(held); })) {
        throw Error(ErrorKind::kRefused, "this machine's lz4 packs to other bytes, or may do so");
      }
      found_.patched.emplace(made,
                             FileReuse{.name = name,
                                       .base_size = base_size,
                                       .delta = images::ReadFileDelta(wanted_.source, layers)});
    } catch (const Error& error) {
      ThrowIfInterrupted();
      progress_.Warn("the delta of " + name +
                     " cannot be used, so more is fetched: " + error.message());
    }
  }

  const SlotFolder& running_;
  const images::ImageManifest& old_;
  const SourcedImage& wanted_;
  Progress& progress_;
  ReusedFiles found_;
  AlignedBuffer buffer_{Bytes{1} << 20U};
};

}  // namespace

ReusedFiles FindReusedFiles(const SlotFolder& running,
                            const images::ImageManifest& old,
                            const SourcedImage& wanted,
                            Progress& progress) {
  return FileFinder(running, old, wanted, progress).Find();
}

std::unique_ptr<images::Blob> OpenSlotFile(const SlotFolder& folder,
                                           std::string_view name,
                                           Bytes size) {
  return std::make_unique<FileOfSlot>(folder.boot.Find(PathOf(folder.slot, name)), size);
}

std::unique_ptr<images::Blob> OpenMadeFile(const SlotFolder& running,
                                           const images::ImageSource& image,
                                           const keys::Digest& digest,
                                           const FileReuse& file) {
  try {
    const auto& patches = file.delta.patches;
    return images::MakeRepackedBlob(
        {.whole = image.OpenBlob(digest),
         .patches = patches.size == 0 ? nullptr : image.OpenBlob(patches.digest),
         .delta = &file.delta,
         .base = file.is_anew() ? FormOfNothing() : FormOf(running, file.name, file.base_size)});
  } catch (const Error&) {
    ThrowIfInterrupted();
    return image.OpenBlob(digest);
  }
}

}  // namespace ros::installer
