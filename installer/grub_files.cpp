#include "installer/grub_files.hpp"

#include "bootloader/grub_config.hpp"
#include "bootloader/loader_description.hpp"
#include "keys/digest.hpp"

namespace ros::installer {
namespace {

using partitions::FilePlaces;

// What the files beside a description are, those that are not empty.
std::string Describe(const bootloader::GrubParts& parts,
                     const std::map<std::string, std::string>& files) {
  bootloader::LoaderDescription description{.version = parts.version};
  for (const auto& [name, content] : files) {
    if (!content.empty()) {
      description.digests[name] = keys::Sha256Of(AsBytes(content)).Hex();
    }
  }
  return bootloader::FormatLoaderDescription(description);
}

}  // namespace

std::vector<partitions::BootFile> GrubFiles(const bootloader::GrubParts& parts) {
  std::vector<partitions::BootFile> files;
  // GRUB that its owner has signed has the script inside and reads none.
  if (!parts.owner_signed) {
    files.push_back({.path = bootloader::kGrubScriptPath,
                     .max_size = bootloader::kGrubScriptPlace,
                     .content = parts.script.empty() ? bootloader::MainGrubConfig() : parts.script,
                     .places = FilePlaces::kTwo});
  }
  for (const std::filesystem::path directory : bootloader::kEfiDirectories) {
    const auto programs = bootloader::EfiFiles(parts);
    for (const auto& [name, content] : programs) {
      files.push_back({.path = directory / name,
                       .max_size = name == bootloader::kSecondEfiName ? bootloader::kSecondEfiPlace
                                                                      : bootloader::kEfiImagePlace,
                       .content = content,
                       .places = FilePlaces::kTwo});
    }
    files.push_back({.path = directory / bootloader::kEfiDescriptionName,
                     .max_size = bootloader::kEfiDescriptionPlace,
                     .content = Describe(parts, programs),
                     .places = FilePlaces::kTwo});
  }
  if (!parts.owner_signed) {
    files.push_back({.path = bootloader::kSignedGrubConfigPath,
                     .max_size = bootloader::kGrubScriptPlace,
                     .content = bootloader::SignedGrubConfig()});
  }
  return files;
}

void WriteBiosGrub(const Region& bios_partition,
                   bootloader::CoreHalf half,
                   const bootloader::GrubParts& parts) {
  const auto placed = bootloader::PlaceCoreImage(bios_partition, half, parts);
  bootloader::WriteCoreImage(
      bios_partition, half, placed, Describe(parts, {{bootloader::kCoreImageFile, placed}}));
}

}  // namespace ros::installer
