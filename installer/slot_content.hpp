#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "base/slot.hpp"
#include "bootloader/kernel_command_line.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/partition_role.hpp"

namespace ros::installer {

// What a slot's folder on the boot partition says that the slot holds.
struct SlotContent {
  SlotId slot = SlotId::kA;
  // Every file that a boot needs has a length. False for an empty slot and while one is written.
  bool complete = false;
  std::string digest;  // of the image manifest, "sha256:..."; empty when not complete
  std::optional<images::ImageConfig> config;
  std::optional<keys::Digest> loader;  // of the boot loader parts that its image has brought
  std::string problem;                 // complete, but what it says cannot be read: why

  // "1.2.0", or "empty", or "unreadable".
  [[nodiscard]] std::string VersionText() const;

  bool operator==(const SlotContent&) const = default;
};

// Where a file of a slot's folder is on the boot partition.
std::string PathOf(SlotId slot, std::string_view name);

// The large files of a slot: the image's blobs and what they are called in its folder.
struct KernelBlob {
  std::string_view name;
  images::Descriptor descriptor;
};

std::vector<KernelBlob> KernelBlobs(const images::ImageManifest& manifest);

// Whether these are written before the root: where the image passes once, and they are smaller and
// the first of them is not behind it. Reads on up to that. Elsewhere they are written after the
// root. The slot's folder is filled (FillSlotFolder) after both.
bool ComeBeforeRoot(const images::ImageSource& source, const images::ImageManifest& manifest);

// Of the first `length` bytes of a file, read through `buffer` of 1 MiB.
keys::Digest DigestOnDisk(const Region& file, Bytes length, AlignedBuffer& buffer);

// Reads a slot's folder. A folder that makes no sense is told in `problem`, never thrown.
SlotContent ReadSlotContent(const partitions::FatVolume& boot, SlotId slot);

// Whether the kernel and initrd of a complete slot are on disk what the slot's manifest says, and
// the digests that GRUB compares before it starts it are right. Reads them whole. A folder that
// makes no sense is not sound.
bool BootFilesAreSound(const partitions::FatVolume& boot, SlotId slot);

// The texts that a slot's folder holds, by file name, as SlotTexts makes them. Throws as FatVolume.
std::map<std::string, std::string> ReadSlotTexts(const partitions::FatVolume& boot, SlotId slot);

// The boot loader that reads a slot's entry, and how the entry names the disk's partitions: none
// where the loader finds them itself.
struct SlotLoader {
  bootloader::LoaderKind kind = bootloader::LoaderKind::kGrub;
  std::optional<bootloader::PartitionIds> partitions;
};

// Of a slot on a disk whose partitions have these UUIDs.
using PartitionUuid = std::function<std::string(partitions::PartitionRole role)>;
SlotLoader LoaderFor(bootloader::LoaderKind kind, SlotId slot, const PartitionUuid& uuid);

// The loader entry of an image in a slot.
bootloader::SlotEntry MakeSlotEntry(SlotId slot,
                                    const images::ImageConfig& config,
                                    const std::vector<std::string>& machine_arguments,
                                    const SlotLoader& loader);

// The texts of a slot's folder by file name: loader entry, manifest, config, signatures, sums.
std::map<std::string, std::string> SlotTexts(const images::VerifiedImage& image,
                                             const bootloader::SlotEntry& entry);

// The lengths of all files of the slot, when it is complete.
std::map<std::string, Bytes> SlotLengths(const images::VerifiedImage& image,
                                         const std::map<std::string, std::string>& texts);

// Throws kDoesNotFit naming the file and both sizes when one is larger than its place.
void CheckSlotFilesFit(const partitions::FatVolume& boot,
                       SlotId slot,
                       const std::map<std::string, Bytes>& lengths);

// Makes the slot impossible to boot: all lengths 0, one sector written, synced.
void EmptySlotFolder(partitions::FatVolume& boot, SlotId slot);

// Writes kernel, initrd and texts (SlotTexts) into the clusters of the entry's slot, syncs, reads
// all back from the disk and compares. The slot's lengths stay as they are. Throws kVerification
// when the image's kernel or initrd is not what its manifest says, kFailed when the disk gives
// other bytes back.
void WriteSlotFiles(const partitions::FatVolume& boot,
                    const images::ImageSource& source,
                    const images::VerifiedImage& image,
                    const bootloader::SlotEntry& entry,
                    Progress& progress);

// Makes the slot's files appear, all at once: one sector written, synced.
void FillSlotFolder(partitions::FatVolume& boot,
                    SlotId slot,
                    const std::map<std::string, Bytes>& lengths);

}  // namespace ros::installer
