#include "installer/install_plan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "bootloader/firmware.hpp"
#include "images/unified_kernel.hpp"
#include "images/verity.hpp"
#include "installer/channel_memory.hpp"
#include "installer/first_boot.hpp"
#include "installer/image_reuse.hpp"
#include "installer/kept_boot.hpp"
#include "installer/kept_state.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"
#include "installer/verified_slots.hpp"
#include "keys/signer_certificates.hpp"

namespace ros::installer {
namespace {

using bootloader::LoaderKind;
using partitions::DiskFacts;
using partitions::PartitionRole;
using partitions::TargetKind;

constexpr std::uint32_t kLargeSectorSize = 4096;

std::string LossOf(const partitions::FoundPartition& part) {
  std::string line = "partition " + std::to_string(part.number) + ", " + FormatBytes(part.length);
  line += part.name.empty() ? "" : ", \"" + part.name + "\"";
  line += part.file_system.empty() ? "" : ", " + part.file_system;
  line += part.label.empty() ? "" : " \"" + part.label + "\"";
  return line;
}

std::vector<std::string> Losses(const DiskFacts& disk, const std::optional<KeptState>& kept) {
  std::vector<std::string> losses;
  for (const auto& part : disk.table.partitions) {
    if (!kept || part.offset != kept->partition.offset) {
      losses.push_back(LossOf(part));
    }
  }
  for (const auto& signature : disk.signatures) {
    losses.push_back(signature.type + " on the whole disk" +
                     (signature.label.empty() ? "" : " \"" + signature.label + "\""));
  }
  if (losses.empty() && !kept && disk.HoldsData()) {
    losses.push_back(disk.unknown_data ? "data of no known kind, from byte " +
                                             std::to_string(*disk.unknown_data) + " on"
                                       : "data without a partition table");
  }
  return losses;
}

// The target's size: what it has, or what it is to be made with.
Bytes TargetSize(const InstallFacts& facts, const InstallRequest& request) {
  const auto& disk = facts.disk;
  const bool may_be_made = !disk.path.string().starts_with("/dev/");
  if (disk.kind == TargetKind::kMissing && request.create_size && may_be_made) {
    return *request.create_size;
  }
  if (const auto refusal = partitions::RefusalFor(disk)) {
    if (disk.kind == TargetKind::kMissing) {
      throw Error(
          refusal->kind(),
          refusal->message() + (may_be_made ? "; to make a disk image file give its --size"
                                            : "; lsblk lists the disks, -d auto takes the only "
                                              "empty one"));
    }
    throw Error(*refusal);
  }
  if (request.create_size && *request.create_size != disk.size) {
    throw Error(ErrorKind::kUsage,
                disk.path.string() + " exists already with " + FormatBytes(disk.size) +
                    "; leave --size away, or remove it first");
  }
  return disk.size;
}

std::vector<partitions::BootFile> BootFiles(const InstallRequest& request,
                                            const LoaderParts& loader) {
  auto files = LoaderFiles(loader);
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    const auto slot_files = partitions::SlotFiles(slot,
                                                  request.boot_files,
                                                  SlotLoaderFiles(request.loader),
                                                  request.loader == LoaderKind::kGrubUki
                                                      ? partitions::KernelPlaces::kUnifiedKernel
                                                      : partitions::KernelPlaces::kKernelAndInitrd);
    files.insert(files.end(), slot_files.begin(), slot_files.end());
  }
  return files;
}

// The target's logical sectors: those of the disk, or of a file as they were asked for.
std::uint32_t SectorSize(const InstallFacts& facts, const InstallRequest& request) {
  const auto& disk = facts.disk;
  if (!request.sector_size) {
    return disk.sector_size;
  }
  if (disk.kind == TargetKind::kWholeDisk) {
    throw Error(ErrorKind::kUsage,
                disk.path.string() + " has sectors of " + std::to_string(disk.sector_size) +
                    " bytes of its own; --sector-size is for disk image files");
  }
  if (*request.sector_size != bootloader::kBiosSectorSize &&
      *request.sector_size != kLargeSectorSize) {
    throw Error(ErrorKind::kUsage,
                "a disk image cannot have sectors of " + std::to_string(*request.sector_size) +
                    " bytes; --sector-size is 512 or 4096");
  }
  return *request.sector_size;
}

// Which firmware can start the disk. Throws when there is none.
void DecideFirmware(InstallPlan& plan) {
  const auto sector_size = plan.layout.sector_size;
  const auto* grub = std::get_if<bootloader::GrubParts>(&plan.loader);
  const bool unified = KindOf(plan.loader) == LoaderKind::kGrubUki;
  plan.boots_bios = sector_size == bootloader::kBiosSectorSize && !unified;
  plan.boots_uefi = grub != nullptr && !grub->efi_image.empty();
  if (!plan.boots_bios && !plan.boots_uefi) {
    throw Error(ErrorKind::kDoesNotFit,
                plan.target.string() + " has sectors of " + std::to_string(sector_size) +
                    " bytes, from which " +
                    (grub != nullptr ? "GRUB can boot UEFI machines only, and the image brings no "
                                       "GRUB for UEFI"
                                     : "syslinux cannot boot"));
  }
}

std::map<std::string, Bytes> Sizes(const std::vector<partitions::BootFile>& files) {
  std::map<std::string, Bytes> sizes;
  for (const auto& file : files) {
    if (!file.content.empty()) {
      sizes[file.path] = file.content.size();
    }
  }
  return sizes;
}

std::map<std::string, Bytes> Sizes(const std::map<std::string, StateFile>& files) {
  std::map<std::string, Bytes> sizes;
  for (const auto& [path, file] : files) {
    sizes[path] = file.content.size();
  }
  return sizes;
}

// An entry for a disk of this machine; the UUIDs of an image file's partitions are not those that
// its copies will have.
void AddBootEntry(const InstallFacts& facts, InstallPlan& plan) {
  if (!facts.boot_entries || !plan.boots_uefi || facts.disk.kind != TargetKind::kWholeDisk) {
    return;
  }
  const auto& boot = plan.layout.Get(PartitionRole::kBoot);
  const bootloader::BootProgram program{
      .partition_number = static_cast<std::uint32_t>(PartitionNumber(boot.role)),
      .first_sector = boot.offset / plan.layout.sector_size,
      .sectors = boot.length / plan.layout.sector_size,
      .partition_uuid = boot.uuid,
      .file = bootloader::kVendorImagePath};
  std::vector<std::string> replaced;
  for (const auto& partition : facts.disk.table.partitions) {
    replaced.push_back(partition.uuid);
  }
  plan.steps.emplace_back(
      MakeBootEntry{bootloader::PlanBootEntry(*facts.boot_entries, plan.name, program, replaced)});
}

void AddSteps(const InstallFacts& facts, const InstallRequest& request, InstallPlan& plan) {
  const auto& root = facts.image.config.root;
  if (facts.disk.kind == TargetKind::kMissing) {
    plan.steps.emplace_back(CreateImageFile{plan.layout.disk_size});
  } else if (facts.kept) {
    plan.steps.emplace_back(WipeSystem{});
  } else {
    plan.steps.emplace_back(WipeDisk{});
  }
  plan.steps.emplace_back(MakeBootPartition{Sizes(plan.boot.files)});
  const WriteFirstBootFiles write_files{
      SlotLengths(facts.image, SlotTexts(facts.image, plan.entry))};
  if (facts.kernel_before_root) {
    plan.steps.emplace_back(write_files);
  }
  plan.steps.emplace_back(WriteFirstRoot{root.size, images::BytesNeeded(root) - root.size});
  if (!facts.kernel_before_root) {
    plan.steps.emplace_back(write_files);
  }
  plan.steps.emplace_back(FillFirstSlot{write_files.lengths});
  if (plan.boots_bios) {
    plan.steps.emplace_back(WriteBootLoader{request.loader, LoaderSize(plan.loader)});
  }
  if (facts.kept) {
    plan.steps.emplace_back(ReplaceTable{});
  } else {
    plan.steps.emplace_back(
        MakeStatePartition{Sizes(StateFiles(request, facts.image, facts.disk.kind))});
    plan.steps.emplace_back(WriteTable{});
  }
  AddBootEntry(facts, plan);
}

// Each file of the first slot has room in the place that is made for it.
void CheckBootFilesFit(const InstallPlan& plan, const images::VerifiedImage& image) {
  const std::filesystem::path directory(partitions::SlotDirectory(SlotId::kA));
  for (const auto& [name, length] : SlotLengths(image, SlotTexts(image, plan.entry))) {
    for (const auto& file : plan.boot.files) {
      if (file.path == directory / name && length > file.max_size) {
        throw Error(ErrorKind::kDoesNotFit,
                    name + " of the image is " + FormatBytes(length) + ", and its place is " +
                        FormatBytes(file.max_size) + "; larger: --kernel-size, --initrd-size");
      }
    }
  }
}

}  // namespace

std::map<std::string, StateFile> StateFiles(const InstallRequest& request,
                                            const images::VerifiedImage& image,
                                            TargetKind target) {
  std::map<std::string, StateFile> files;
  for (const auto& key : request.keys) {
    files["/ros/keys/" + key.name] = {.content = key.text};
  }
  if (!request.kernel_arguments.empty()) {
    files["/ros/args"] = {.content = memory::FormatKernelArguments(request.kernel_arguments)};
  }
  if (!request.machine_kind.empty()) {
    files["/ros/machine"] = {.content = request.machine_kind + "\n"};
  }
  if (request.cloud_config) {
    files["/ros/config/cloud-config.yml"] = {.content = *request.cloud_config, .mode = 0600};
  }
  if (!request.follows.empty()) {
    files["/ros/config/user.yml"] = {
        .content = "#cloud-config\nros:\n  upgrade:\n    channel: \"" + request.follows + "\"\n",
        .mode = 0600};
  }
  if (image.config.epoch > 0) {
    files["/ros/epoch"] = {.content = memory::FormatEpoch(image.config.epoch)};
  }
  files["/ros/verified.json"] = {.content =
                                     FormatVerifiedSlots({{SlotId::kA, VerifiedSlotOf(image)}})};
  files["/ros/" + RootIndexFile(SlotId::kA)] = {.content = images::WriteChunkIndex(image.chunks)};
  if (request.channel) {
    const auto& [channel, digest] = *request.channel;
    files[std::string("/ros/") + kChannelMemoryFile] = {
        .content =
            FormatChannelMemory({{channel.name, {.serial = channel.serial, .digest = digest}}})};
  }
  // The entries of syslinux name the disk's UUIDs, so every copy keeps them.
  if (LeavesFirstBootMark(target) && request.loader != LoaderKind::kSyslinux) {
    files[std::string("/ros/") + kFirstBootMark] = {};
  }
  return files;
}

std::string TargetText(const DiskFacts& disk, Bytes size) {
  std::string text = disk.path.string();
  if (!disk.node.empty() && disk.node != disk.path) {
    text += " (" + disk.node.string() + ")";
  }
  text += ", " + FormatBytes(size);
  if (!disk.model.empty()) {
    text += ", " + disk.model;
  }
  if (!disk.serial.empty()) {
    text += ", serial " + disk.serial;
  } else if (!disk.location.empty()) {
    text += ", at " + disk.location;
  }
  return text;
}

std::string SecureBootWarning(const InstallPlan& plan,
                              bootloader::SecureBoot secure_boot,
                              const std::optional<bootloader::FirmwareKeys>& firmware_keys) {
  if (secure_boot != bootloader::SecureBoot::kOn) {
    return {};
  }
  const auto* grub = std::get_if<bootloader::GrubParts>(&plan.loader);
  if (grub != nullptr && (grub->owner_signed || !grub->shim_image.empty())) {
    // The program that the firmware starts itself.
    const auto& first = grub->owner_signed ? grub->efi_image : grub->shim_image;
    const auto signature = AsBytes(images::FindSignature(first));
    if (!firmware_keys || firmware_keys->others ||
        keys::IsSignerTrusted(signature, firmware_keys->certificates)) {
      return {};
    }
    return "Secure Boot is on here, and the firmware's db has no certificate by which the image's "
           "boot loader is signed: this machine will not start from " +
           plan.target.string() +
           " until it is enrolled (docs/secure-boot.md) or Secure Boot is off";
  }
  return "Secure Boot is on here, and nobody has signed what the image brings to boot with: this "
         "machine will not start from " +
         plan.target.string() +
         " until Secure Boot is off; ros image build --secure-boot or --uki makes an image that it "
         "starts";
}

void CheckImageInstalls(const InstallFacts& facts, const InstallRequest& request) {
  const auto& config = facts.image.config;
  if (!facts.loader) {
    throw Error(ErrorKind::kDoesNotFit,
                "the image " + config.name + " " + config.version + " does not bring " +
                    std::string(Name(request.loader)) +
                    ", so it can upgrade a machine and not install one with it");
  }
  if (facts.image.manifest.unified_kernel.has_value() !=
      (KindOf(*facts.loader) == LoaderKind::kGrubUki)) {
    throw Error(ErrorKind::kVerification,
                "the image's kernel and its boot loader are not for one another: a unified kernel "
                "is started by a GRUB that its owner has signed, and by no other");
  }
  if (facts.kept && facts.image.manifest.unified_kernel) {
    throw Error(ErrorKind::kRefused,
                "the image's kernel arguments are signed, so its first boot cannot be told that "
                "the state was kept; install it without --keep-state");
  }
  CheckImageSuits(config, {.architecture = "amd64", .kind = request.machine_kind});
  bootloader::CheckKernelArguments(request.kernel_arguments, bootloader::ArgumentOrigin::kMachine);
}

InstallPlan PlanInstall(const InstallFacts& facts, const InstallRequest& request) {
  const auto& config = facts.image.config;
  const Bytes size = TargetSize(facts, request);
  CheckImageInstalls(facts, request);
  InstallPlan plan;
  plan.loader = facts.loader.value();
  plan.target = facts.disk.path;
  plan.target_text = TargetText(facts.disk, size);
  plan.losses = Losses(facts.disk, facts.kept);
  plan.name = config.name;
  plan.version = config.version;
  plan.digest = facts.image.manifest.digest.ToString();
  plan.signers = facts.image.signers;
  plan.follows = request.follows;
  plan.policy = VerifiedSlotOf(facts.image).policy;
  for (const auto& key : request.keys) {
    plan.trusted_keys.push_back(key.name);
  }
  partitions::LayoutRequest layout{.root_bytes = images::BytesNeeded(config.root),
                                   .slot = request.slot_size,
                                   .legacy_boot = request.loader == LoaderKind::kSyslinux,
                                   .seed = request.seed};
  layout.boot = request.boot_size.value_or(layout.boot);
  const partitions::Geometry geometry{
      .name = facts.disk.path.string(), .size = size, .sector_size = SectorSize(facts, request)};
  plan.layout = facts.kept ? partitions::PlanLayoutBefore(facts.kept->partition, geometry, layout)
                           : partitions::PlanLayout(geometry, layout);
  DecideFirmware(plan);
  const auto& boot = plan.layout.Get(PartitionRole::kBoot);
  const auto volume_id = static_cast<std::uint32_t>(
      std::stoul(partitions::UuidFromSeed(request.seed, "boot volume").substr(0, 8), nullptr, 16));
  auto files = BootFiles(request, plan.loader);
  if (facts.kept) {
    CheckImageMayFollow(facts.image, *facts.kept, request.existing_data);
    files.push_back(KeptKeysFile(plan.layout.disk_uuid, request));
  }
  plan.boot = partitions::PlanBootFileSystem({.partition_offset = boot.offset,
                                              .partition_length = boot.length,
                                              .sector_size = plan.layout.sector_size,
                                              .volume_id = volume_id,
                                              .files = files});
  const auto uuid = [&](PartitionRole role) { return plan.layout.Get(role).uuid; };
  plan.entry = MakeSlotEntry(
      SlotId::kA, config, request.kernel_arguments, LoaderFor(request.loader, SlotId::kA, uuid));
  if (facts.kept) {
    plan.entry.machine_arguments.push_back("ros.kept=" + plan.layout.disk_uuid);
    plan.keeps = DescribeKept(*facts.kept);
  }
  AddSteps(facts, request, plan);
  CheckBootFilesFit(plan, facts.image);
  return plan;
}

}  // namespace ros::installer
