#include "installer/loader_upgrade.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "bootloader/firmware.hpp"
#include "bootloader/grub_config.hpp"
#include "bootloader/loader_description.hpp"
#include "images/unified_kernel.hpp"
#include "installer/grub_files.hpp"
#include "installer/syslinux_upgrade.hpp"
#include "keys/signer_certificates.hpp"

namespace ros::installer {
namespace {

using bootloader::CoreHalf;
using bootloader::GrubParts;
using partitions::FatVolume;
using partitions::PartitionRole;

std::string DirectoryOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::string NameOf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The files that the image brings. One without an EFI image or a script leaves those of the disk.
std::vector<partitions::BootFile> BroughtFiles(const GrubParts& parts) {
  auto files = GrubFiles(parts);
  const auto script = DirectoryOf(bootloader::kGrubScriptPath);
  std::erase_if(files, [&](const partitions::BootFile& file) {
    const bool is_script = DirectoryOf(file.path) == script;
    return is_script ? parts.script.empty() : parts.efi_image.empty();
  });
  return files;
}

// What a file says now; none when it cannot be read, which its replacement mends.
std::optional<std::string> TryRead(const FatVolume& boot, const std::string& path, Bytes limit) {
  try {
    return boot.ReadContent(path, limit);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The room of a file's spare place, whatever it has of it before the partition is repaired.
Bytes SpareRoom(const FatVolume& boot, const std::string& path) {
  const auto places = boot.Places(DirectoryOf(path));
  const auto place = places.find(NameOf(partitions::SparePath(path)));
  return place == places.end() ? 0 : place->second;
}

void CompareFiles(const FatVolume& boot, const GrubParts& parts, LoaderComparison& loader) {
  for (const auto& file : BroughtFiles(parts)) {
    const auto directory = DirectoryOf(file.path);
    // Disks that were made before there was such a file do not have one.
    if (!boot.Places(directory).contains(NameOf(file.path))) {
      if (NameOf(file.path) == bootloader::kSecondEfiName && !file.content.empty()) {
        loader.refusal =
            "the image's loader for UEFI is a shim and what it starts, and this disk "
            "has no place " +
            file.path + " for the latter; install it anew";
      }
      continue;
    }
    loader.files.push_back({.directory = directory,
                            .name = NameOf(file.path),
                            .size = file.content.size(),
                            .same = TryRead(boot, file.path, file.max_size) == file.content,
                            .spare = SpareRoom(boot, file.path) >= file.content.size()});
  }
}

void CompareCore(const Region& bios, const GrubParts& parts, LoaderComparison& loader) {
  if (bios.device()->sector_size() != bootloader::kBiosSectorSize) {
    return;
  }
  LoaderComparison::Core core{
      .started = bootloader::FindStartedHalf(bios), .same = false, .size = parts.core_image.size()};
  if (core.started) {
    core.same = bootloader::IsBootCode(bios, *core.started, parts) &&
                bootloader::ReadCoreImage(bios, *core.started) ==
                    bootloader::PlaceCoreImage(bios, *core.started, parts);
    loader.version_on_disk =
        bootloader::ParseLoaderDescription(bootloader::ReadCoreDescription(bios, *core.started))
            .version;
  }
  loader.core = core;
}

std::string EfiVersion(const FatVolume& boot) {
  return bootloader::ParseLoaderDescription(
             TryRead(boot, bootloader::kEfiDescriptionPath, bootloader::kEfiDescriptionPlace)
                 .value_or(""))
      .version;
}

// Whether a certificate of `ours` is among those of `theirs`: a firmware that started one program
// starts the other.
bool HaveCommonSigner(const std::string& ours, const std::string& theirs) {
  const auto certificates = [](const std::string& program) {
    return keys::SignerCertificates(AsBytes(images::FindSignature(program)));
  };
  const auto known = certificates(theirs);
  return std::ranges::any_of(certificates(ours), [&](const keys::Digest& digest) {
    return std::ranges::find(known, digest) != known.end();
  });
}

// A GRUB that the firmware does not start could not be taken back. What is on the disk and cannot
// be read any more says nothing.
void CheckSigner(const FatVolume& boot, const GrubParts& parts, LoaderComparison& loader) {
  const auto installed = TryRead(boot, bootloader::kEfiImagePath, bootloader::kEfiImagePlace);
  if (installed && !images::FindSignature(*installed).empty() &&
      !HaveCommonSigner(parts.efi_image, *installed)) {
    loader.refusal =
        "the image's GRUB is signed by another certificate than that of this disk, and a firmware "
        "that does not know it would start nothing any more; install anew to change certificates";
  }
}

void CompareOwnerGrub(const FatVolume& boot, const GrubParts& parts, LoaderComparison& loader) {
  CheckSigner(boot, parts, loader);
  loader.version_on_disk = EfiVersion(boot);
  CompareFiles(boot, parts, loader);
}

// The content of a file that the image brings.
std::string ContentFor(const GrubParts& parts, const std::string& path) {
  const auto files = BroughtFiles(parts);
  return std::ranges::find(files, path, &partitions::BootFile::path)->content;
}

void WriteAndCompare(const partitions::FatFile& file, const std::string& content) {
  if (content.size() > file.allocated) {
    throw Error(ErrorKind::kDoesNotFit,
                file.path + " has place for " + FormatBytes(file.allocated) + ", not for " +
                    FormatBytes(content.size()));
  }
  file.data.Write(0, AsBytes(content));
  file.data.Sync();
  std::string written(content.size(), '\0');
  file.data.Read(0, AsWritableBytes(written));
  if (written != content) {
    throw Error(ErrorKind::kFailed,
                file.path + " reads back differently than it was written; the disk is failing");
  }
}

struct Applier {
  const PartitionOpener& open;
  FatVolume& boot;
  const LoaderParts& loader;

  [[nodiscard]] const GrubParts& grub() const { return std::get<GrubParts>(loader); }

  void operator()(const WriteSecondCore& step) const {
    WriteBiosGrub(open(PartitionRole::kBios, DeviceAccess::kWrite), step.half, grub());
  }

  void operator()(const SwitchCore& step) const {
    const auto bios = open(PartitionRole::kBios, DeviceAccess::kWrite);
    bootloader::WriteBootCode(bios, step.half, grub());
    if (!bootloader::IsBootCode(bios, step.half, grub())) {
      throw Error(ErrorKind::kFailed,
                  "the first sector reads back differently than it was written; the disk is "
                  "failing");
    }
  }

  void operator()(const WriteSpareFiles& step) const {
    for (const auto& [name, length] : step.lengths) {
      const auto path = step.directory + "/" + name;
      const auto spare = boot.FindSpare(path);
      if (!spare) {
        throw Error(ErrorKind::kFailed, path + " has no spare place");
      }
      WriteAndCompare(*spare, ContentFor(grub(), path));
    }
  }

  void operator()(const SwitchFiles& step) const {
    boot.SwitchToSpare(step.directory, step.lengths);
  }

  void operator()(const OverwriteFiles& step) const {
    for (const auto& [name, length] : step.lengths) {
      const auto path = step.directory + "/" + name;
      WriteAndCompare(boot.Find(path), ContentFor(grub(), path));
    }
    boot.SetLengths(step.directory, step.lengths);
  }

  void operator()(const OverwriteSyslinux& /*step*/) const {
    WriteSyslinuxInPlace(open(PartitionRole::kBoot, DeviceAccess::kWrite),
                         boot,
                         std::get<bootloader::SyslinuxParts>(loader));
  }
};

LoaderComparison CompareGrub(const PartitionOpener& open,
                             const FatVolume& boot,
                             const GrubParts& parts) {
  LoaderComparison loader{.version_in_image = parts.version};
  if (parts.owner_signed) {
    CompareOwnerGrub(boot, parts, loader);
    return loader;
  }
  if (!boot.TryFind(bootloader::kGrubScriptPath)) {
    loader.refusal = "the boot loader of this disk is not GRUB, and the image brings GRUB";
    return loader;
  }
  loader.script_on_disk = bootloader::GrubScriptNumber(
      TryRead(boot, bootloader::kGrubScriptPath, bootloader::kGrubScriptPlace).value_or(""));
  loader.script_in_image = bootloader::GrubScriptNumber(parts.script);
  if (parts.script.empty() && loader.script_on_disk > 0) {
    loader.refusal =
        "the image's boot loader is older than the script of this disk and brings none of its own";
  }
  CompareFiles(boot, parts, loader);
  CompareCore(open(PartitionRole::kBios, DeviceAccess::kRead), parts, loader);
  if (!loader.core) {
    loader.version_on_disk = EfiVersion(boot);
  }
  return loader;
}

}  // namespace

LoaderComparison CompareLoader(const PartitionOpener& open,
                               const FatVolume& boot,
                               const LoaderParts& parts) {
  if (const auto* syslinux = std::get_if<bootloader::SyslinuxParts>(&parts)) {
    return CompareSyslinux(open(PartitionRole::kBoot, DeviceAccess::kRead), boot, *syslinux);
  }
  return CompareGrub(open, boot, std::get<GrubParts>(parts));
}

void ApplyLoaderStep(const LoaderStep& step,
                     const PartitionOpener& open,
                     FatVolume& boot,
                     const LoaderParts& parts) {
  std::visit(Applier{open, boot, parts}, step);
}

}  // namespace ros::installer
