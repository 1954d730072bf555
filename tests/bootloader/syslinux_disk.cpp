#include "syslinux_disk.hpp"

#include <algorithm>
#include <cctype>

#include "base/file.hpp"
#include "base/process.hpp"
#include "bootloader/syslinux_config.hpp"
#include "grub_machine.hpp"
#include "partitions/boot_file_system.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/layout_plan.hpp"
#include "partitions/partition_table.hpp"

namespace ros::bootloader::test {
namespace {

using ros::literals::operator""_KiB;
using ros::literals::operator""_MiB;

constexpr Bytes kDiskSize = 64_MiB;
constexpr Bytes kBootSize = 40_MiB;
constexpr const char* kSeed = "9d1a3d42-0c58-4b1e-9a55-2d6c1f0e8b11";

std::string UpperCase(std::string name) {
  std::ranges::transform(
      name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

std::string EntryOf(SlotId slot) {
  return SlotSyslinuxConfig(
      {.slot = slot,
       .loader = LoaderKind::kSyslinux,
       .partitions = PartitionIds{.boot = "boot-id", .root = "root-id", .state = "state-id"},
       .verity_root_hash = std::string(64, '4'),
       .verity_salt = std::string(64, '5'),
       .verity_data_blocks = 1000,
       .watchdog_seconds = 180,
       .image_arguments = {"console=ttyS0,115200n8", "glob=*"}});
}

std::vector<partitions::BootFile> BootFiles(const SyslinuxParts& parts) {
  std::vector<partitions::BootFile> files = {
      {kSyslinuxLoaderPath, 128_KiB, SyslinuxLoaderFile(parts)},
      {"/SYSLINUX/DEFAULT.CFG", kSyslinuxDefaultSize, FormatSyslinuxDefault(SlotId::kA)},
      {"/SYSLINUX/DEFAULT2.CFG", kSyslinuxDefaultSize, FormatSyslinuxDefault2(SlotId::kA)}};
  for (const auto& [name, content] : parts.modules) {
    files.push_back({"/SYSLINUX/" + UpperCase(name), 256_KiB, content});
  }
  for (const auto& [name, text] : SyslinuxConfigs()) {
    files.push_back({"/SYSLINUX/" + UpperCase(name), 64_KiB, text});
  }
  for (const auto* slot : {"/A/", "/B/"}) {
    files.push_back({std::string(slot) + "KERNEL", 1_MiB, {}});
    files.push_back({std::string(slot) + "INITRD", 1_MiB, {}});
    files.push_back({std::string(slot) + "SYSLINUX.CFG", 64_KiB, {}});
  }
  return files;
}

}  // namespace

SyslinuxDisk::SyslinuxDisk(const std::filesystem::path& path, const SyslinuxParts& parts)
    : path_(path) {
  CreateFileDurably(path, {});
  std::filesystem::resize_file(path, kDiskSize);
  const auto disk = OpenBlockDevice(path, DeviceAccess::kWrite);
  const auto layout = partitions::PlanLayout({.name = path.string(), .size = kDiskSize},
                                             {.root_bytes = 1_MiB,
                                              .slot = 1_MiB,
                                              .boot = kBootSize,
                                              .state_minimum = 1_MiB,
                                              .legacy_boot = true,
                                              .seed = kSeed});
  boot_ = layout.Get(partitions::PartitionRole::kBoot).offset;
  partitions::WritePartitionTable(*disk, layout);
  const Region boot(disk, boot_, kBootSize);
  partitions::MakeBootFileSystem(boot,
                                 partitions::PlanBootFileSystem({.partition_offset = boot.offset(),
                                                                 .partition_length = boot.length(),
                                                                 .files = BootFiles(parts)}));
  const auto loader = partitions::FatVolume::Open(boot).Find(kSyslinuxLoaderPath).data;
  WriteSyslinuxLoader(boot, loader, parts);
  WriteSyslinuxBootCode(boot, loader, parts);
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    const auto name = std::string(Name(slot));
    const auto files = WholeSlot(slot, "disk " + name);
    Put("/" + name + "/kernel", files.at("kernel"));
    Put("/" + name + "/initrd", files.at("initrd"));
    Put("/" + name + "/syslinux.cfg", EntryOf(slot));
  }
}

SyslinuxDisk::SyslinuxDisk(const std::filesystem::path& path, const SyslinuxDisk& other)
    : path_(path), boot_(other.boot_) {
  RunTool({.argv = {"cp", "--sparse=always", other.path_.string(), path.string()}});
}

void SyslinuxDisk::Put(const std::string& path, const std::string& content) const {
  auto volume = partitions::FatVolume::Open(BootPartition());
  const auto split = path.rfind('/');
  volume.Find(path).data.Write(0, AsBytes(content));
  volume.SetLengths(path.substr(0, split), {{UpperCase(path.substr(split + 1)), content.size()}});
}

void SyslinuxDisk::Remove(const std::string& path) const {
  RunTool({.argv = {"mdel", "-i", path_.string() + "@@" + std::to_string(boot_), "::" + path}});
}

SyslinuxPlaces SyslinuxDisk::Places() const {
  const auto volume = partitions::FatVolume::Open(BootPartition());
  const auto loader = volume.Find(kSyslinuxLoaderPath);
  const auto [adv, adv2] = AdvRegions(loader.data, loader.length);
  return {.default_cfg = volume.Find("/SYSLINUX/DEFAULT.CFG").data,
          .default2_cfg = volume.Find("/SYSLINUX/DEFAULT2.CFG").data,
          .adv = adv,
          .adv2 = adv2};
}

Region SyslinuxDisk::BootPartition() const {
  return {OpenBlockDevice(path_, DeviceAccess::kWrite), boot_, kBootSize};
}

}  // namespace ros::bootloader::test
