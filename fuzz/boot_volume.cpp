#include "fuzz/boot_volume.hpp"

#include "partitions/boot_file_system.hpp"
#include "partitions/boot_layout.hpp"
#include "partitions/fat_tree.hpp"

namespace ros::fuzz {
namespace {

using literals::operator""_KiB;
using literals::operator""_MiB;

constexpr Bytes kVolumeSize = 40_MiB;

std::shared_ptr<SparseDisk> Make() {
  using partitions::BootFile;
  std::vector<BootFile> files = {
      {.path = "/GRUB/GRUBENV", .max_size = 4_KiB, .content = std::string(1024, '#')},
      {.path = "/EFI/BOOT/BOOTX64.EFI",
       .max_size = 8_KiB,
       .content = "loader",
       .places = partitions::FilePlaces::kTwo}};
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    for (const auto& file :
         partitions::SlotFiles(slot, {.kernel = 8_KiB, .initrd = 16_KiB, .small = 64_KiB})) {
      files.push_back(file);
    }
  }
  auto disk = std::make_shared<SparseDisk>(kVolumeSize);
  partitions::MakeBootFileSystem(
      Region(disk),
      partitions::PlanBootFileSystem(
          {.partition_length = kVolumeSize, .volume_id = 0x12345678, .files = std::move(files)}));
  disk->Forget();
  return disk;
}

std::vector<Bytes> FindPlaces() {
  const auto tree = partitions::fat::Tree::Read(Region(NewBootVolume()));
  const auto& geometry = tree.geometry();
  std::vector<Bytes> places = {0,
                               geometry.info_offset,
                               geometry.table_offset,
                               geometry.table_offset + geometry.table_size,
                               geometry.OffsetOf(geometry.root_cluster)};
  for (const auto path : {std::string_view("/A"),
                          std::string_view("/B"),
                          std::string_view("/GRUB"),
                          std::string_view("/EFI/BOOT"),
                          partitions::kLayoutPath}) {
    places.push_back(geometry.OffsetOf(tree.Look(path).value().entry.first_cluster));
  }
  return places;
}

}  // namespace

std::shared_ptr<const SparseDisk> SoundBootVolume() {
  static const std::shared_ptr<const SparseDisk> kVolume = Make();
  return kVolume;
}

const std::vector<Bytes>& BootVolumePlaces() {
  static const auto kPlaces = FindPlaces();
  return kPlaces;
}

std::shared_ptr<SparseDisk> NewBootVolume() {
  return std::make_shared<SparseDisk>(SoundBootVolume(), kVolumeSize);
}

}  // namespace ros::fuzz
