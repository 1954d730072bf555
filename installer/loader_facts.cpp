#include "installer/loader_facts.hpp"

#include "base/error.hpp"
#include "bootloader/core_image.hpp"
#include "bootloader/grub_install.hpp"
#include "bootloader/loader_description.hpp"
#include "bootloader/syslinux_install.hpp"
#include "keys/digest.hpp"

namespace ros::installer {
namespace {

using bootloader::LoaderDescription;
using partitions::PartitionRole;

// Whether a description names this file with another digest. One that does not name it says
// nothing: older disks have none.
bool IsDamaged(const LoaderDescription& description,
               const std::string& name,
               const std::string& content) {
  const auto digest = description.digests.find(name);
  return digest != description.digests.end() &&
         digest->second != keys::Sha256Of(AsBytes(content)).Hex();
}

void InspectCore(const Region& bios, LoaderFacts& loader) {
  const auto half = bootloader::FindStartedHalf(bios);
  if (!half) {
    loader.damage.emplace_back("the disk's first sector names no GRUB");
    return;
  }
  const auto description =
      bootloader::ParseLoaderDescription(bootloader::ReadCoreDescription(bios, *half));
  loader.bios_version = description.version;
  if (IsDamaged(description, bootloader::kCoreImageFile, bootloader::ReadCoreImage(bios, *half))) {
    loader.damage.emplace_back("GRUB for BIOS machines is damaged");
  }
}

void InspectEfi(const partitions::FatVolume& boot, LoaderFacts& loader) {
  const std::string directory = std::string(bootloader::kEfiDirectories[0]) + "/";
  try {
    // What a shim starts is not there without one.
    const auto second = boot.TryFind(directory + bootloader::kSecondEfiName);
    loader.secure_boot = loader.unified_kernels || (second.has_value() && second->length > 0);
    if (!boot.TryFind(bootloader::kEfiDescriptionPath)) {
      return;
    }
    const auto description = bootloader::ParseLoaderDescription(
        boot.ReadContent(bootloader::kEfiDescriptionPath, bootloader::kEfiDescriptionPlace));
    loader.uefi_version = description.version;
    for (const auto& [name, digest] : description.digests) {
      const auto path = directory + name;
      if (IsDamaged(description, name, boot.ReadContent(path, bootloader::kSecondEfiPlace))) {
        loader.damage.push_back(path + " is damaged");
      }
    }
  } catch (const Error& error) {
    loader.damage.push_back(error.message());
  }
}

std::string SyslinuxVersionOn(const partitions::FatVolume& boot) {
  const auto loader = boot.TryFind(bootloader::kSyslinuxLoaderPath);
  if (!loader) {
    return {};
  }
  std::string head(std::min<Bytes>(loader->length, 64), '\0');
  loader->data.Read(0, AsWritableBytes(head));
  return bootloader::SyslinuxVersion(head);
}

std::string WithVersion(const std::string& what, const std::string& version) {
  return version.empty() ? what : what + " " + version;
}

}  // namespace

LoaderFacts InspectLoader(const Machine& machine, const partitions::FatVolume& boot) {
  if (LoaderOn(boot) == bootloader::LoaderKind::kSyslinux) {
    return {.name = "syslinux",
            .bios = bootloader::HasSyslinuxBootCode(
                partitions::OpenPartition(machine.disk, PartitionRole::kBoot, DeviceAccess::kRead)),
            .bios_version = SyslinuxVersionOn(boot)};
  }
  const auto bios =
      partitions::OpenPartition(machine.disk, PartitionRole::kBios, DeviceAccess::kRead);
  const auto efi = boot.TryFind(bootloader::kEfiImagePath);
  LoaderFacts loader{.name = "GRUB",
                     .bios = bootloader::HasBootCode(*bios.device()),
                     .uefi = efi.has_value() && efi->length > 0,
                     .unified_kernels = LoaderOn(boot) == bootloader::LoaderKind::kGrubUki};
  if (loader.bios) {
    InspectCore(bios, loader);
  }
  if (loader.uefi) {
    InspectEfi(boot, loader);
  }
  return loader;
}

std::string LoaderText(const LoaderFacts& loader) {
  if (!loader.bios && !loader.uefi) {
    return loader.name + ", but no firmware finds it";
  }
  if (loader.bios && loader.uefi && loader.bios_version != loader.uefi_version) {
    return WithVersion(loader.name, loader.bios_version) + " for BIOS machines, " +
           WithVersion(loader.name, loader.uefi_version) + " for UEFI machines";
  }
  const std::string_view machines = !loader.uefi ? "BIOS" : loader.bios ? "BIOS and UEFI" : "UEFI";
  return WithVersion(loader.name, loader.bios ? loader.bios_version : loader.uefi_version) +
         ", for " + std::string(machines) + " machines" +
         (loader.unified_kernels ? ", signed by its owner for Secure Boot with unified kernels"
          : loader.secure_boot   ? ", signed for Secure Boot"
                                 : "");
}

std::string LoaderDamageText(const LoaderFacts& loader) {
  std::string text;
  for (const auto& damage : loader.damage) {
    text += damage + "; ros upgrade --bootloader mends it\n";
  }
  return text;
}

}  // namespace ros::installer
