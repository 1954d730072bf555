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
  std::vector<partitions::BootFile> files = {
      {.path = bootloader::kGrubScriptPath,
       .max_size = bootloader::kGrubScriptPlace,
       .content = parts.script.empty() ? bootloader::MainGrubConfig() : parts.script,
       .places = FilePlaces::kTwo}};
  for (const std::filesystem::path directory : bootloader::kEfiDirectories) {
    const auto name = std::filesystem::path(bootloader::kEfiImagePath).filename();
    files.push_back({.path = directory / name,
                     .max_size = bootloader::kEfiImagePlace,
                     .content = parts.efi_image,
                     .places = FilePlaces::kTwo});
    files.push_back({.path = directory / bootloader::kEfiDescriptionName,
                     .max_size = bootloader::kEfiDescriptionPlace,
                     .content = Describe(parts, name, parts.efi_image),
                     .places = FilePlaces::kTwo});
  }
  return files;
}

void WriteBiosGrub(const Region& bios_partition,
                   bootloader::CoreHalf half,
                   const bootloader::GrubParts& parts) {
  const auto placed = bootloader::PlaceCoreImage(bios_partition, half, parts);
  bootloader::WriteCoreImage(
      bios_partition, half, placed, Describe(parts, bootloader::kCoreImageFile, placed));
}

}  // namespace ros::installer
