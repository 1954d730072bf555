#include "installer/loader_facts.hpp"

#include "bootloader/core_image.hpp"

namespace ros::installer {

LoaderFacts InspectLoader(const Machine& machine, const partitions::FatVolume& boot) {
  const auto disk = OpenBlockDevice(machine.disk.path, DeviceAccess::kRead);
  const auto efi = boot.TryFind(bootloader::kEfiImagePath);
  return {.name = "GRUB",
          .bios = bootloader::HasBootCode(*disk),
          .uefi = efi.has_value() && efi->length > 0};
}

std::string LoaderText(const LoaderFacts& loader) {
  if (!loader.bios && !loader.uefi) {
    return loader.name + ", but no firmware finds it";
  }
  const std::string_view machines = !loader.uefi ? "BIOS" : loader.bios ? "BIOS and UEFI" : "UEFI";
  return loader.name + ", for " + std::string(machines) + " machines";
}

}  // namespace ros::installer
