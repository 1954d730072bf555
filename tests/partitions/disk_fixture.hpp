#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/block_device.hpp"
#include "base/process.hpp"
#include "partitions/boot_file_system.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/layout_plan.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::partitions {

using literals::operator""_KiB;
using literals::operator""_MiB;
using literals::operator""_GiB;

inline const std::string kSeed = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a11";

inline LayoutPlan PlanFor(const BlockDevice& disk, Bytes boot = 64_MiB) {
  return PlanLayout(
      {.name = disk.name(), .size = disk.size(), .sector_size = disk.sector_size()},
      {.root_bytes = 1_MiB, .slot = 16_MiB, .boot = boot, .state_minimum = 16_MiB, .seed = kSeed});
}

// Small files, so that tests are quick.
inline constexpr BootFileSizes kTestSizes = {.kernel = 256_KiB, .initrd = 512_KiB, .small = 4_KiB};

inline std::vector<BootFile> TestFiles() {
  std::vector<BootFile> files = {
      {.path = "/GRUB/GRUB.CFG", .max_size = 16_KiB, .content = "menu"},
      {.path = "/GRUB/GRUBENV", .max_size = 4_KiB, .content = std::string(1024, '#')},
      {.path = "/GRUB/GRUBENV2", .max_size = 4_KiB, .content = std::string(1024, '%')},
      {.path = "/EFI/BOOT/BOOTX64.EFI",
       .max_size = 64_KiB,
       .content = "loader",
       .places = FilePlaces::kTwo},
      {.path = "/EFI/BOOT/VERSION", .max_size = 4_KiB, .content = "1", .places = FilePlaces::kTwo}};
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    for (const auto& file : SlotFiles(slot, kTestSizes)) {
      files.push_back(file);
    }
  }
  return files;
}

inline void MakeTestBoot(const Region& region, std::vector<BootFile> files = TestFiles()) {
  MakeBootFileSystem(region,
                     PlanBootFileSystem({.partition_offset = region.offset(),
                                         .partition_length = region.length(),
                                         .sector_size = region.device()->sector_size(),
                                         .volume_id = 0x12345678,
                                         .files = std::move(files)}));
}

inline ProcessResult Run(std::vector<std::string> argv) {
  return RunProcess({.argv = std::move(argv)});
}

// Makes every file as long as its clusters, which is when fsck.vfat has nothing to remark.
inline void FillFiles(const Region& boot) {
  auto volume = FatVolume::Open(boot);
  for (const auto* directory : {"/EFI/BOOT", "/GRUB", "/A", "/B"}) {
    auto lengths = volume.Lengths(directory);
    for (auto& [name, length] : lengths) {
      length = volume.Find(std::string(directory) + "/" + name).allocated;
    }
    volume.SetLengths(directory, lengths);
  }
}

inline std::string ReadText(const Region& region, Bytes length) {
  std::string text(length, '\0');
  region.Read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

inline bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace ros::partitions
