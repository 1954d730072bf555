#include "installer/syslinux_upgrade.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "bootloader/syslinux_store.hpp"
#include "installer/loader_install.hpp"

namespace ros::installer {
namespace {

using bootloader::SyslinuxParts;
using partitions::BootFile;
using partitions::FatVolume;

constexpr const char* kDirectory = "/SYSLINUX";

// What belongs to the loader, and not to the boot state.
std::vector<BootFile> BroughtFiles(const SyslinuxParts& parts) {
  auto files = LoaderFiles(parts);
  std::erase_if(files, [](const BootFile& file) {
    return file.path == bootloader::kSyslinuxDefaultPath ||
           file.path == bootloader::kSyslinuxDefault2Path;
  });
  return files;
}

std::string NameOf(const BootFile& file) {
  return file.path.substr(file.path.rfind('/') + 1);
}

bool IsLoader(const BootFile& file) {
  return file.path == bootloader::kSyslinuxLoaderPath;
}

bool Holds(const FatVolume& boot, const BootFile& file) {
  try {
    return boot.ReadContent(file.path, file.max_size) == file.content;
  } catch (const Error&) {
    return false;  // Its replacement mends it.
  }
}

std::map<std::string, Bytes> LengthsOf(const std::vector<BootFile>& files) {
  std::map<std::string, Bytes> lengths;
  for (const auto& file : files) {
    lengths[NameOf(file)] = file.content.size();
  }
  return lengths;
}

std::string VersionOnDisk(const partitions::FatFile& loader) {
  std::string head(std::min<Bytes>(loader.length, 64), '\0');
  loader.data.Read(0, AsWritableBytes(head));
  return bootloader::SyslinuxVersion(head);
}

}  // namespace

LoaderComparison CompareSyslinux(const Region& boot_partition,
                                 const FatVolume& boot,
                                 const SyslinuxParts& parts) {
  LoaderComparison comparison{.name = "syslinux",
                              .version_in_image = bootloader::SyslinuxVersion(parts.ldlinux_sys)};
  const auto files = BroughtFiles(parts);
  const auto places = boot.Places(kDirectory);
  for (const auto& file : files) {
    const auto place = places.find(NameOf(file));
    if (place == places.end() || place->second < file.content.size()) {
      comparison.refusal = file.path +
                           " of the image's syslinux has no place on this disk; install "
                           "it anew";
      return comparison;
    }
  }
  const auto loader = boot.Find(bootloader::kSyslinuxLoaderPath);
  comparison.version_on_disk = VersionOnDisk(loader);
  const bool same =
      bootloader::IsSyslinux(boot_partition, loader.data, parts) &&
      std::ranges::all_of(files, [&](const BootFile& file) {
        return IsLoader(file) ? loader.length == file.content.size() : Holds(boot, file);
      });
  comparison.syslinux = LoaderComparison::Syslinux{.same = same, .lengths = LengthsOf(files)};
  return comparison;
}

void WriteSyslinuxInPlace(const Region& boot_partition,
                          FatVolume& boot,
                          const SyslinuxParts& parts) {
  const auto files = BroughtFiles(parts);
  for (const auto& file : files) {
    if (!IsLoader(file)) {
      const auto place = boot.Find(file.path).data;
      place.Write(0, AsBytes(file.content));
      place.Sync();
    }
  }
  const auto loader = boot.Find(bootloader::kSyslinuxLoaderPath).data;
  bootloader::WriteSyslinuxLoader(boot_partition, loader, parts);
  boot.SetLengths(kDirectory, LengthsOf(files));
  bootloader::WriteSyslinuxBootCode(boot_partition, loader, parts);
}

}  // namespace ros::installer
