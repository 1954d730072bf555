#include "installer/slot_content.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "bootloader/grub_config.hpp"
#include "bootloader/syslinux_config.hpp"
#include "images/oci_layout.hpp"
#include "keys/digest.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

constexpr Bytes kContentPiece = 1_MiB;
constexpr Bytes kContentBlock = 4_KiB;

// Writes in whole blocks, so that no sector has to be read first; the rest of the last one is zero.
class BlockWriter {
 public:
  BlockWriter(Region target, AlignedBuffer& buffer) : target_(std::move(target)), buffer_(buffer) {}

  // `fill` puts the bytes of one piece into the buffer.
  template <typename Fill>
  void Write(Bytes length, Fill fill) {
    for (Bytes at = 0; at < length; at += kContentPiece) {
      const Bytes piece = std::min(kContentPiece, length - at);
      const Bytes padded = std::min(RoundUp(piece, kContentBlock), target_.length() - at);
      const auto bytes = buffer_.span().first(padded);
      std::fill(bytes.begin(), bytes.end(), std::byte{0});
      fill(at, bytes.first(piece));
      target_.Write(at, bytes);
    }
  }

 private:
  Region target_;
  AlignedBuffer& buffer_;
};

void CheckReadBack(const partitions::FatFile& file,
                   Bytes length,
                   const keys::Digest& expected,
                   AlignedBuffer& buffer) {
  if (DigestOnDisk(file.data, length, buffer) != expected) {
    throw Error(ErrorKind::kFailed,
                file.path + " reads back differently than it was written; the disk is failing");
  }
}

class SlotFileWriter {
 public:
  SlotFileWriter(const partitions::FatVolume& boot, SlotId slot, Progress& progress)
      : boot_(boot), slot_(slot), progress_(progress), buffer_(kContentPiece) {}

  void WriteBlob(const images::ImageSource& source,
                 const images::Descriptor& descriptor,
                 std::string_view name) {
    const auto file = Open(name, descriptor.size);
    const auto blob = source.OpenBlob(descriptor.digest);
    const auto begun = done_;
    while (Copy(*blob, file, descriptor.size) != descriptor.digest) {
      if (!blob->Distrust()) {
        throw Error(ErrorKind::kVerification,
                    source.name() + ": the blob of " + std::string(name) +
                        " is not what the manifest says");
      }
      progress_.Warn(std::string(name) + " did not have its digest, and is fetched anew");
      done_ = begun;
    }
    written_.push_back({file, descriptor.size, descriptor.digest});
  }

  void WriteText(const std::string& text, std::string_view name) {
    const auto file = Open(name, text.size());
    BlockWriter(file.data, buffer_).Write(text.size(), [&](Bytes at, MutableByteSpan into) {
      std::memcpy(into.data(), text.data() + at, into.size());
      progress_.Update(done_ += into.size());
    });
    written_.push_back({file, text.size(), keys::Sha256Of(AsBytes(text))});
  }

  void Check() {
    for (const auto& file : written_) {
      CheckReadBack(file.file, file.length, file.digest, buffer_);
      progress_.Update(done_ += file.length);
    }
  }

 private:
  struct Written {
    partitions::FatFile file;
    Bytes length;
    keys::Digest digest;
  };

  // Gives the digest of what came.
  keys::Digest Copy(images::Blob& blob, const partitions::FatFile& file, Bytes size) {
    blob.Announce({{.offset = 0, .length = size}});
    keys::Sha256 hash;
    BlockWriter(file.data, buffer_).Write(size, [&](Bytes at, MutableByteSpan into) {
      blob.ReadAt(at, into);
      hash.Update(into);
      progress_.Update(done_ += into.size());
    });
    return hash.Finish();
  }

  partitions::FatFile Open(std::string_view name, Bytes length) const {
    auto file = boot_.Find(PathOf(slot_, name));
    if (length > file.allocated) {
      throw Error(ErrorKind::kDoesNotFit,
                  file.path + " would be " + FormatBytes(length) + " and has place for " +
                      FormatBytes(file.allocated));
    }
    return file;
  }

  const partitions::FatVolume& boot_;
  SlotId slot_;
  Progress& progress_;
  AlignedBuffer buffer_;
  std::vector<Written> written_;
  Bytes done_ = 0;
};

std::vector<KernelBlob> InArchiveOrder(std::vector<KernelBlob> blobs) {
  std::ranges::sort(blobs, images::ComesBefore, &KernelBlob::descriptor);
  return blobs;
}

bool IsKernelFile(std::string_view name) {
  return name == partitions::kKernelFile || name == partitions::kInitrdFile ||
         name == partitions::kUnifiedKernelFile;
}

// What GRUB compares before it starts the kernel.
std::string SumsOf(const images::ImageManifest& manifest, const std::string& grub_config) {
  return bootloader::SlotSums({.kernel = manifest.kernel.digest.Hex(),
                               .initrd = manifest.initrd.digest.Hex(),
                               .grub_config = keys::Sha256Of(AsBytes(grub_config)).Hex()});
}

// What the slot's boot loader reads.
std::map<std::string, std::string> LoaderTexts(const images::VerifiedImage& image,
                                               const bootloader::SlotEntry& entry) {
  if (entry.loader == bootloader::LoaderKind::kSyslinux) {
    return {{std::string(partitions::kSyslinuxConfigFile), bootloader::SlotSyslinuxConfig(entry)}};
  }
  if (entry.loader == bootloader::LoaderKind::kGrubUki) {
    // Refuses what cannot be among them, and is not put anywhere.
    static_cast<void>(bootloader::ArgumentsOf(entry));
    const auto& unified_kernel = image.manifest.unified_kernel.value();
    return {{std::string(partitions::kSumsFile),
             bootloader::UnifiedKernelSums(unified_kernel.digest.Hex())}};
  }
  const auto grub_config = bootloader::SlotGrubConfig(entry);
  return {{std::string(partitions::kGrubConfigFile), grub_config},
          {std::string(partitions::kSumsFile), SumsOf(image.manifest, grub_config)}};
}

// Whether GRUB, which compares them, would find the digests that it reads beside the kernel right.
// syslinux has none.
bool SumsFit(const partitions::FatVolume& boot,
             SlotId slot,
             const images::ImageManifest& manifest) {
  const auto path = PathOf(slot, partitions::kSumsFile);
  if (!boot.TryFind(path)) {
    return true;
  }
  const auto sums = boot.ReadContent(path, images::kMaxManifestSize);
  if (manifest.unified_kernel) {
    return sums == bootloader::UnifiedKernelSums(manifest.unified_kernel->digest.Hex());
  }
  return sums == SumsOf(manifest,
                        boot.ReadContent(PathOf(slot, partitions::kGrubConfigFile),
                                         images::kMaxManifestSize));
}

}  // namespace

std::string PathOf(SlotId slot, std::string_view name) {
  return std::string(partitions::SlotDirectory(slot)) + "/" + std::string(name);
}

std::vector<KernelBlob> KernelBlobs(const images::ImageManifest& manifest) {
  if (manifest.unified_kernel) {
    return {{partitions::kUnifiedKernelFile, *manifest.unified_kernel}};
  }
  return {{partitions::kKernelFile, manifest.kernel}, {partitions::kInitrdFile, manifest.initrd}};
}

bool ComeBeforeRoot(const images::ImageSource& source, const images::ImageManifest& manifest) {
  const auto blobs = InArchiveOrder(KernelBlobs(manifest));
  if (!source.is_passing() || !images::ComesBefore(blobs.back().descriptor, manifest.root)) {
    return false;
  }
  try {
    return source.HasBlob(blobs.front().descriptor.digest);
  } catch (const Error&) {
    ThrowIfInterrupted();
    return false;  // The root is in front of it, or who reads on is told what is wrong.
  }
}

keys::Digest DigestOnDisk(const Region& file, Bytes length, AlignedBuffer& buffer) {
  keys::Sha256 hash;
  for (Bytes at = 0; at < length; at += kContentPiece) {
    const Bytes piece = std::min(kContentPiece, length - at);
    const Bytes padded = std::min(RoundUp(piece, kContentBlock), file.length() - at);
    file.Read(at, buffer.span().first(padded));
    hash.Update(buffer.span().first(piece));
  }
  return hash.Finish();
}

std::string SlotContent::VersionText() const {
  if (!complete) {
    return "empty";
  }
  return config ? config->version : "unreadable";
}

SlotContent ReadSlotContent(const partitions::FatVolume& boot, SlotId slot) {
  SlotContent content{.slot = slot};
  try {
    const auto lengths = boot.Lengths(partitions::SlotDirectory(slot));
    content.complete = !lengths.empty();
    for (const auto& [name, length] : lengths) {
      content.complete = content.complete && length > 0;
    }
    if (!content.complete) {
      return content;
    }
    const auto raw =
        boot.ReadContent(PathOf(slot, partitions::kManifestFile), images::kMaxManifestSize);
    content.digest = keys::Sha256Of(AsBytes(raw)).ToString();
    const auto manifest = images::ParseManifest(raw);
    const auto config =
        boot.ReadContent(PathOf(slot, partitions::kConfigFile), images::kMaxConfigSize);
    if (keys::Sha256Of(AsBytes(config)) != manifest.config.digest) {
      throw Error(
          ErrorKind::kVerification,
          PathOf(slot, partitions::kConfigFile) + " is not the one that the manifest names");
    }
    content.config = images::ParseImageConfig(config);
    if (manifest.bootloader) {
      content.loader = manifest.bootloader->digest;
    }
  } catch (const Error& error) {
    content.problem = error.message();
  }
  return content;
}

bool BootFilesAreSound(const partitions::FatVolume& boot, SlotId slot) {
  try {
    const auto manifest = images::ParseManifest(
        boot.ReadContent(PathOf(slot, partitions::kManifestFile), images::kMaxManifestSize));
    AlignedBuffer buffer(kContentPiece);
    const auto is_sound = [&](std::string_view name, const images::Descriptor& descriptor) {
      const auto file = boot.Find(PathOf(slot, name));
      return file.length == descriptor.size &&
             DigestOnDisk(file.data, file.length, buffer) == descriptor.digest;
    };
    const auto blobs = KernelBlobs(manifest);
    return SumsFit(boot, slot, manifest) && std::ranges::all_of(blobs, [&](const KernelBlob& blob) {
             return is_sound(blob.name, blob.descriptor);
           });
  } catch (const Error&) {
    return false;
  }
}

std::map<std::string, std::string> ReadSlotTexts(const partitions::FatVolume& boot, SlotId slot) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, length] : boot.Lengths(partitions::SlotDirectory(slot))) {
    if (!IsKernelFile(name)) {
      texts[name] = boot.ReadContent(PathOf(slot, name), images::kMaxManifestSize);
    }
  }
  return texts;
}

SlotLoader LoaderFor(bootloader::LoaderKind kind, SlotId slot, const PartitionUuid& uuid) {
  if (kind != bootloader::LoaderKind::kSyslinux) {
    return {.kind = kind};
  }
  return {.kind = kind,
          .partitions = bootloader::PartitionIds{.boot = uuid(partitions::PartitionRole::kBoot),
                                                 .root = uuid(partitions::RoleOf(slot)),
                                                 .state = uuid(partitions::PartitionRole::kState)}};
}

bootloader::SlotEntry MakeSlotEntry(SlotId slot,
                                    const images::ImageConfig& config,
                                    const std::vector<std::string>& machine_arguments,
                                    const SlotLoader& loader) {
  return {.slot = slot,
          .loader = loader.kind,
          .partitions = loader.partitions,
          .verity_root_hash = config.root.verity.root_hash,
          .verity_salt = config.root.verity.salt,
          .verity_data_blocks = config.root.size / kContentBlock,
          .file_system = config.root.filesystem,
          .watchdog_seconds = static_cast<std::uint64_t>(config.health.watchdog.count()),
          .image_arguments = config.kernel_arguments,
          .machine_arguments = machine_arguments};
}

std::map<std::string, std::string> SlotTexts(const images::VerifiedImage& image,
                                             const bootloader::SlotEntry& entry) {
  auto texts = LoaderTexts(image, entry);
  texts[std::string(partitions::kManifestFile)] = image.raw_manifest;
  texts[std::string(partitions::kConfigFile)] = image.raw_config;
  texts[std::string(partitions::kSignaturesFile)] = image.raw_signatures;
  return texts;
}

std::map<std::string, Bytes> SlotLengths(const images::VerifiedImage& image,
                                         const std::map<std::string, std::string>& texts) {
  std::map<std::string, Bytes> lengths;
  for (const auto& blob : KernelBlobs(image.manifest)) {
    lengths[std::string(blob.name)] = blob.descriptor.size;
  }
  for (const auto& [name, text] : texts) {
    lengths[name] = text.size();
  }
  return lengths;
}

void CheckSlotFilesFit(const partitions::FatVolume& boot,
                       SlotId slot,
                       const std::map<std::string, Bytes>& lengths) {
  for (const auto& [name, length] : lengths) {
    const auto allocated = boot.Find(PathOf(slot, name)).allocated;
    if (length > allocated) {
      throw Error(ErrorKind::kDoesNotFit,
                  name + " of the image is " + FormatBytes(length) + ", and slot " +
                      std::string(Name(slot)) + " has place for " + FormatBytes(allocated));
    }
  }
}

void EmptySlotFolder(partitions::FatVolume& boot, SlotId slot) {
  std::map<std::string, Bytes> lengths;
  for (const auto& [name, length] : boot.Lengths(partitions::SlotDirectory(slot))) {
    lengths[name] = 0;
  }
  boot.SetLengths(partitions::SlotDirectory(slot), lengths);
}

void WriteSlotFiles(const partitions::FatVolume& boot,
                    const images::ImageSource& source,
                    const images::VerifiedImage& image,
                    const bootloader::SlotEntry& entry,
                    Progress& progress) {
  const auto slot = entry.slot;
  const auto texts = SlotTexts(image, entry);
  Bytes total = 0;
  for (const auto& [name, length] : SlotLengths(image, texts)) {
    total += 2 * length;  // written, then read back
  }
  progress.Begin("writing the kernel of slot " + std::string(Name(slot)), total);
  SlotFileWriter writer(boot, slot, progress);
  const auto blobs = InArchiveOrder(KernelBlobs(image.manifest));
  for (const auto& blob : blobs) {
    writer.WriteBlob(source, blob.descriptor, blob.name);
  }
  for (const auto& [name, text] : texts) {
    writer.WriteText(text, name);
  }
  boot.Find(PathOf(slot, blobs.front().name)).data.Sync();
  writer.Check();
  progress.End();
}

void FillSlotFolder(partitions::FatVolume& boot,
                    SlotId slot,
                    const std::map<std::string, Bytes>& lengths) {
  boot.SetLengths(partitions::SlotDirectory(slot), lengths);
}

}  // namespace ros::installer
