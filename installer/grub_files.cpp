#include "installer/grub_files.hpp"

#include "bootloader/grub_config.hpp"
#include "bootloader/loader_description.hpp"
#include "keys/digest.hpp"

namespace ros::installer {
namespace {

using partitions::FilePlaces;

std::string Describe(const bootloader::GrubParts& parts,
                     const std::string& name,
                     const std::string& content) {
  bootloader::LoaderDescription description{.version = parts.version};
  if (!content.empty()) {
    description.digests[name] = keys::Sha256Of(AsBytes(content)).Hex();
  }
  return bootloader::FormatLoaderDescription(description);
}

}  // namespace

std::vector<partitions::BootFile> GrubFiles(const bootloader::GrubParts& parts) {
  const std::string efi = bootloader::kEfiImagePath;
  return {{.path = bootloader::kGrubScriptPath,
           .max_size = bootloader::kGrubScriptPlace,
           .content = parts.script.empty() ? bootloader::MainGrubConfig() : parts.script,
           .places = FilePlaces::kTwo},
          {.path = efi,
           .max_size = bootloader::kEfiImagePlace,
           .content = parts.efi_image,
           .places = FilePlaces::kTwo},
          {.path = bootloader::kEfiDescriptionPath,
           .max_size = bootloader::kEfiDescriptionPlace,
           .content = Describe(parts, efi.substr(efi.rfind('/') + 1), parts.efi_image),
           .places = FilePlaces::kTwo}};
}

void WriteBiosGrub(const Region& bios_partition,
                   bootloader::CoreHalf half,
                   const bootloader::GrubParts& parts) {
  const auto placed = bootloader::PlaceCoreImage(bios_partition, half, parts);
  bootloader::WriteCoreImage(
      bios_partition, half, placed, Describe(parts, bootloader::kCoreImageFile, placed));
}

}  // namespace ros::installer
