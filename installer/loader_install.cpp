#include "installer/loader_install.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "bootloader/grub_environment.hpp"
#include "bootloader/syslinux_config.hpp"
#include "bootloader/syslinux_store.hpp"
#include "installer/grub_files.hpp"
#include "partitions/fat_volume.hpp"

namespace ros::installer {
namespace {

using bootloader::GrubParts;
using bootloader::LoaderKind;
using bootloader::SyslinuxParts;
using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

// Room for the loader and each of its modules.
constexpr Bytes kSyslinuxPlace = 256_KiB;
constexpr Bytes kConfigPlace = 4_KiB;
constexpr const char* kSyslinuxDirectory = "/SYSLINUX/";

std::string UpperCase(std::string name) {
  std::ranges::transform(
      name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

std::vector<partitions::BootFile> FilesOf(const GrubParts& parts) {
  const auto state = bootloader::FormatGrubEnvironment({.good = SlotId::kA});
  auto files = GrubFiles(parts);
  for (const auto* path : {"/GRUB/GRUBENV", "/GRUB/GRUBENV2"}) {
    files.push_back({.path = path, .max_size = bootloader::kGrubEnvironmentSize, .content = state});
  }
  return files;
}

std::vector<partitions::BootFile> FilesOf(const SyslinuxParts& parts) {
  std::vector<partitions::BootFile> files = {
      {.path = bootloader::kSyslinuxLoaderPath,
       .max_size = kSyslinuxPlace,
       .content = bootloader::SyslinuxLoaderFile(parts)},
      {.path = bootloader::kSyslinuxDefaultPath,
       .max_size = bootloader::kSyslinuxDefaultSize,
       .content = bootloader::FormatSyslinuxDefault(SlotId::kA)},
      {.path = bootloader::kSyslinuxDefault2Path,
       .max_size = bootloader::kSyslinuxDefaultSize,
       .content = bootloader::FormatSyslinuxDefault2(SlotId::kA)}};
  for (const auto& [name, content] : parts.modules) {
    files.push_back({.path = kSyslinuxDirectory + UpperCase(name),
                     .max_size = kSyslinuxPlace,
                     .content = content});
  }
  for (const auto& [name, text] : bootloader::SyslinuxConfigs()) {
    files.push_back(
        {.path = kSyslinuxDirectory + UpperCase(name), .max_size = kConfigPlace, .content = text});
  }
  return files;
}

void Write(const GrubParts& parts, const Region& bios, const Region& /*boot*/) {
  constexpr auto kHalf = bootloader::CoreHalf::kFirst;
  WriteBiosGrub(bios, kHalf, parts);
  bootloader::WriteBootCode(bios, kHalf, parts);
}

void Write(const SyslinuxParts& parts, const Region& /*bios*/, const Region& boot) {
  const auto loader = partitions::FatVolume::Open(boot).Find(bootloader::kSyslinuxLoaderPath).data;
  bootloader::WriteSyslinuxLoader(boot, loader, parts);
  bootloader::WriteSyslinuxBootCode(boot, loader, parts);
}

}  // namespace

LoaderKind KindOf(const LoaderParts& parts) {
  const auto* grub = std::get_if<GrubParts>(&parts);
  if (grub == nullptr) {
    return LoaderKind::kSyslinux;
  }
  return grub->owner_signed ? LoaderKind::kGrubUki : LoaderKind::kGrub;
}

LoaderKind ParseInstallType(std::string_view type) {
  if (type == "generic" || type == "grub") {
    return LoaderKind::kGrub;
  }
  if (type == "syslinux" || type == "gptsyslinux") {
    return LoaderKind::kSyslinux;
  }
  throw Error(ErrorKind::kUsage,
              "\"" + std::string(type) +
                  "\" is no install type; known are generic and grub (GRUB, for BIOS and UEFI), "
                  "syslinux and gptsyslinux (syslinux, for BIOS)");
}

LoaderKind LoaderFor(const images::ImageManifest& manifest, LoaderKind asked) {
  if (!manifest.unified_kernel) {
    return asked;
  }
  if (asked == LoaderKind::kSyslinux) {
    throw Error(ErrorKind::kDoesNotFit,
                "the image's kernel is a unified kernel, which UEFI starts and syslinux cannot; "
                "leave -t away, or build the image without --uki");
  }
  return LoaderKind::kGrubUki;
}

std::vector<partitions::BootFile> LoaderFiles(const LoaderParts& parts) {
  return std::visit([](const auto& which) { return FilesOf(which); }, parts);
}

std::vector<std::string_view> SlotLoaderFiles(LoaderKind kind) {
  if (kind == LoaderKind::kSyslinux) {
    return {partitions::kSyslinuxConfigFile};
  }
  if (kind == LoaderKind::kGrubUki) {
    return {partitions::kSumsFile};
  }
  return {partitions::kGrubConfigFile, partitions::kSumsFile};
}

Bytes LoaderSize(const LoaderParts& parts) {
  const auto* grub = std::get_if<GrubParts>(&parts);
  return grub != nullptr ? grub->core_image.size()
                         : std::get<SyslinuxParts>(parts).ldlinux_sys.size();
}

void WriteLoader(const LoaderParts& parts,
                 const Region& bios_partition,
                 const Region& boot_partition) {
  std::visit([&](const auto& which) { Write(which, bios_partition, boot_partition); }, parts);
}

}  // namespace ros::installer
