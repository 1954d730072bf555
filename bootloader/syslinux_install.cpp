#include "bootloader/syslinux_install.hpp"

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "bootloader/firmware.hpp"
#include "bootloader/syslinux_adv.hpp"

namespace ros::bootloader {
namespace {

constexpr Bytes kVolumeBlock = 4096;
constexpr Bytes kLargestPart = Bytes{1} << 20U;
constexpr const char* kGptMbr = "/usr/lib/syslinux/mbr/gptmbr.bin";
constexpr const char* kModuleDirectory = "/usr/lib/syslinux/modules/bios";
constexpr const char* kDirectory = "/syslinux";
constexpr std::string_view kElfMark =
    "\x7f"
    "ELF";

// Of the MBR, what is code; then disk signature, partition entries, 0x55aa.
constexpr Bytes kMbrCodeEnd = 0x1b8;
// FAT32's boot sector (fatgen103, section 3.1): what is code before and behind the parameters.
constexpr Bytes kParameters = 0x0b;
constexpr Bytes kVolumeCode = 0x5a;
constexpr Bytes kVolumeCodeEnd = 0x1fe;

// The patch area of ldlinux.sys, found by its magic number (libinstaller/syslxint.h).
constexpr std::uint32_t kPatchMagic = 0x3eb202fe;
constexpr Bytes kDataSectors = 8;  // u16, without the ADV
constexpr Bytes kAdvSectors = 10;  // u16
constexpr Bytes kDwords = 12;      // u32, of the loader
constexpr Bytes kChecksum = 16;    // u32
constexpr Bytes kExtended = 22;    // u16: where the extended patch area is
constexpr Bytes kPatchAreaSize = 24;
// The extended patch area: u16 each, places in ldlinux.sys or in the boot sector.
constexpr Bytes kAdvPointers = 0;
constexpr Bytes kDirectoryPlace = 2;
constexpr Bytes kDirectoryRoom = 4;
constexpr Bytes kExtents = 10;
constexpr Bytes kExtentCount = 12;
constexpr Bytes kFirstSectorLow = 14;
constexpr Bytes kFirstSectorHigh = 16;
constexpr Bytes kExtendedSize = 20;
// An extent: u64 first sector, u16 sectors.
constexpr Bytes kExtentSize = 10;
// Shorter than 64 KiB, which is what one call of the BIOS reads.
constexpr std::uint64_t kLongestExtent = 127;

// Volume and tools that the parts are made with.
constexpr Bytes kScratchSize = Bytes{40} << 20U;

[[noreturn]] void CannotBe(const std::string& name) {
  throw Error(ErrorKind::kVerification,
              "the image's boot loader has no " + name + ", or it is none");
}

// The patchable fields of a loader, all inside it.
class PatchArea {
 public:
  // Throws kVerification for what is no ldlinux.sys of syslinux 6.
  explicit PatchArea(MutableByteSpan loader) : loader_(loader) {
    for (place_ = 0; LoadLe32(Checked(place_, kPatchAreaSize), 0) != kPatchMagic; place_ += 4) {
    }
    extended_ = LoadLe16(loader_, place_ + kExtended);
    Checked(extended_, kExtendedSize);
    Checked(Pointer(kAdvPointers), 2 * sizeof(std::uint64_t));
    Checked(Pointer(kExtents), Pointer(kExtentCount) * kExtentSize);
    Checked(Pointer(kDirectoryPlace), Pointer(kDirectoryRoom));
    if (Pointer(kFirstSectorLow) + 4 > kBiosSectorSize ||
        Pointer(kFirstSectorHigh) + 4 > kBiosSectorSize ||
        Pointer(kDirectoryRoom) <= std::string_view(kDirectory).size()) {
      CannotBe(kSyslinuxLoaderName);
    }
  }

  // Nowhere, so that the same syslinux gives the same bytes.
  void Clear() {
    Fill(Pointer(kExtents), Pointer(kExtentCount) * kExtentSize);
    Fill(Pointer(kAdvPointers), 2 * sizeof(std::uint64_t));
    Fill(Pointer(kDirectoryPlace), Pointer(kDirectoryRoom));
    StoreLe32(loader_, place_ + kChecksum, 0);
  }

  // The sectors count from the start of the volume.
  void Set(std::uint64_t first_sector, std::uint64_t adv, std::uint64_t adv2) {
    Clear();
    const auto sectors = RoundUp(loader_.size(), kBiosSectorSize) / kBiosSectorSize;
    StoreLe16(loader_, place_ + kDataSectors, static_cast<std::uint16_t>(sectors));
    StoreLe16(loader_, place_ + kAdvSectors, 2);
    StoreLe32(loader_, place_ + kDwords, static_cast<std::uint32_t>(loader_.size() / 4));
    SetExtents(first_sector + 1, sectors - 1);
    StoreLe64(loader_, Pointer(kAdvPointers), adv);
    StoreLe64(loader_, Pointer(kAdvPointers) + sizeof(adv), adv2);
    std::ranges::copy(AsBytes(kDirectory), loader_.subspan(Pointer(kDirectoryPlace)).begin());
    std::uint32_t sum = kPatchMagic;
    for (Bytes at = 0; at + 4 <= loader_.size(); at += 4) {
      sum -= LoadLe32(loader_, at);
    }
    StoreLe32(loader_, place_ + kChecksum, sum);
  }

  // In the boot sector: where the loader's first sector is.
  void SetFirstSector(MutableByteSpan boot_sector, std::uint64_t sector) const {
    StoreLe32(boot_sector, Pointer(kFirstSectorLow), static_cast<std::uint32_t>(sector));
    StoreLe32(boot_sector, Pointer(kFirstSectorHigh), static_cast<std::uint32_t>(sector >> 32U));
  }

 private:
  MutableByteSpan Checked(Bytes place, Bytes length) const {
    if (place > loader_.size() || length > loader_.size() - place) {
      CannotBe(kSyslinuxLoaderName);
    }
    return loader_.subspan(place, length);
  }

  [[nodiscard]] Bytes Pointer(Bytes field) const { return LoadLe16(loader_, extended_ + field); }

  void Fill(Bytes place, Bytes length) {
    std::ranges::fill(loader_.subspan(place, length), std::byte{0});
  }

  void SetExtents(std::uint64_t sector, std::uint64_t count) {
    Bytes place = Pointer(kExtents);
    for (auto left = Pointer(kExtentCount); count > 0; --left) {
      if (left == 0) {
        CannotBe(kSyslinuxLoaderName);
      }
      const auto length = std::min(count, kLongestExtent);
      StoreLe64(loader_, place, sector);
      StoreLe16(loader_, place + sizeof(sector), static_cast<std::uint16_t>(length));
      place += kExtentSize;
      sector += length;
      count -= length;
    }
  }

  MutableByteSpan loader_;
  Bytes place_ = 0;
  Bytes extended_ = 0;
};

void CheckParts(const SyslinuxParts& parts) {
  if (parts.mbr.empty() || parts.mbr.size() > kMbrCodeEnd) {
    CannotBe(kSyslinuxMbrName);
  }
  if (parts.boot_sector.size() != kBiosSectorSize) {
    CannotBe(kSyslinuxBootSectorName);
  }
  auto loader = parts.ldlinux_sys;
  if (loader.size() > kLargestPart) {
    CannotBe(kSyslinuxLoaderName);
  }
  const PatchArea check(AsWritableBytes(loader));
  for (const auto* name : kSyslinuxModules) {
    const auto found = parts.modules.find(name);
    if (found == parts.modules.end() || !found->second.starts_with(kElfMark) ||
        found->second.size() > kLargestPart) {
      CannotBe(kSyslinuxModulePrefix + std::string(name));
    }
  }
}

void CheckPlaces(const Region& boot_partition, const Region& loader) {
  const auto& device = *boot_partition.device();
  if (device.sector_size() != kBiosSectorSize) {
    throw Error(ErrorKind::kDoesNotFit,
                device.name() + " has sectors of " + std::to_string(device.sector_size()) +
                    " bytes; syslinux starts from sectors of 512 bytes only");
  }
  if (boot_partition.offset() % kBiosSectorSize != 0 || loader.offset() % kBiosSectorSize != 0 ||
      loader.offset() < boot_partition.offset()) {
    throw Error(ErrorKind::kFailed, "ldlinux.sys does not start at a sector of its partition");
  }
}

std::uint64_t SectorIn(const Region& boot_partition, const Region& part) {
  return (part.offset() - boot_partition.offset()) / kBiosSectorSize;
}

// The first sector of a device or volume, with `code` in some of its places.
template <typename Change>
void ChangeFirstSector(const Region& region, Change change) {
  std::vector<std::byte> sector(kBiosSectorSize);
  region.Read(0, sector);
  change(MutableByteSpan(sector));
  region.Write(0, sector);
  region.Sync();
}

// Whether a sector would be the same after `change`.
template <typename Change>
bool HasAlready(const Region& region, Change change) {
  std::vector<std::byte> sector(kBiosSectorSize);
  region.Read(0, sector);
  const auto before = sector;
  change(MutableByteSpan(sector));
  return sector == before;
}

// ldlinux.sys as it lies at this place, its two ADVs empty.
std::string PlacedLoader(const Region& boot_partition,
                         const Region& loader,
                         const SyslinuxParts& parts) {
  auto file = SyslinuxLoaderFile(parts);
  if (file.size() > loader.length()) {
    throw Error(ErrorKind::kDoesNotFit,
                "ldlinux.sys has " + FormatBytes(file.size()) + " and its place " +
                    FormatBytes(loader.length()));
  }
  const auto [adv, adv2] = AdvRegions(loader, file.size());
  PatchArea(AsWritableBytes(file).first(parts.ldlinux_sys.size()))
      .Set(SectorIn(boot_partition, loader),
           SectorIn(boot_partition, adv),
           SectorIn(boot_partition, adv2));
  return file;
}

// What is syslinux's of the volume's first sector.
void PutBootSector(const Region& boot_partition,
                   const Region& loader,
                   const SyslinuxParts& parts,
                   MutableByteSpan sector) {
  auto code = parts.boot_sector;
  auto patched = parts.ldlinux_sys;
  const auto bytes = AsWritableBytes(code);
  PatchArea(AsWritableBytes(patched)).SetFirstSector(bytes, SectorIn(boot_partition, loader));
  std::ranges::copy(bytes.first(kParameters), sector.begin());
  std::ranges::copy(bytes.subspan(kVolumeCode, kVolumeCodeEnd - kVolumeCode),
                    sector.begin() + kVolumeCode);
}

// What is syslinux's of the disk's first sector.
void PutMbr(const SyslinuxParts& parts, MutableByteSpan sector) {
  std::ranges::fill(sector.first(kMbrCodeEnd), std::byte{0});
  std::ranges::copy(AsBytes(parts.mbr), sector.begin());
}

}  // namespace

std::map<std::string, std::string> ToFiles(const SyslinuxParts& parts) {
  std::map<std::string, std::string> files = {{kSyslinuxMbrName, parts.mbr},
                                              {kSyslinuxBootSectorName, parts.boot_sector},
                                              {kSyslinuxLoaderName, parts.ldlinux_sys}};
  for (const auto& [name, content] : parts.modules) {
    files[kSyslinuxModulePrefix + name] = content;
  }
  return files;
}

std::optional<SyslinuxParts> SyslinuxFromFiles(const std::map<std::string, std::string>& files) {
  SyslinuxParts parts;
  bool any = false;
  const auto take = [&](const std::string& name, std::string& part) {
    if (const auto found = files.find(name); found != files.end()) {
      part = found->second;
      any = true;
    }
  };
  take(kSyslinuxMbrName, parts.mbr);
  take(kSyslinuxBootSectorName, parts.boot_sector);
  take(kSyslinuxLoaderName, parts.ldlinux_sys);
  for (const auto* name : kSyslinuxModules) {
    take(std::string(kSyslinuxModulePrefix) + name, parts.modules[name]);
  }
  if (!any) {
    return std::nullopt;
  }
  CheckParts(parts);
  return parts;
}

bool HasSyslinux() {
  return std::filesystem::exists(kGptMbr) && std::filesystem::exists(kModuleDirectory);
}

SyslinuxParts BuildSyslinuxParts() {
  return InContext("making syslinux", [] {
    const TempDirectory scratch("ros-syslinux");
    const auto volume = scratch.path() / "volume";
    CreateFileDurably(volume, {});
    std::filesystem::resize_file(volume, kScratchSize);
    RunTool({.argv = {"mkfs.fat", "-F", "32", "-s", "1", "-i", "12345678", volume.string()}});
    RunTool({.argv = {"syslinux", "--install", volume.string()}});
    const auto read = [&](const char* name) {
      const auto copy = scratch.path() / name;
      RunTool({.argv = {"mcopy", "-i", volume.string(), std::string("::/") + name, copy.string()}});
      return ReadFile(copy, kLargestPart);
    };
    SyslinuxParts parts{.mbr = ReadFile(kGptMbr, kBiosSectorSize),
                        .boot_sector = ReadFile(volume, kScratchSize).substr(0, kBiosSectorSize),
                        .ldlinux_sys = read("ldlinux.sys")};
    for (const auto* name : kSyslinuxModules) {
      parts.modules[name] = ReadFile(std::filesystem::path(kModuleDirectory) / name, kLargestPart);
    }
    auto& loader = parts.ldlinux_sys;
    loader.resize(loader.size() - std::min(loader.size(), 2 * kAdvSize));
    PatchArea(AsWritableBytes(loader)).Clear();
    const auto boot_sector = AsWritableBytes(parts.boot_sector);
    std::ranges::fill(boot_sector.subspan(kParameters, kVolumeCode - kParameters), std::byte{0});
    PatchArea(AsWritableBytes(loader)).SetFirstSector(boot_sector, 0);
    CheckParts(parts);
    return parts;
  });
}

std::string SyslinuxLoaderFile(const SyslinuxParts& parts) {
  auto file = parts.ldlinux_sys;
  // The first copy ends a block, the second begins the next.
  file.resize(RoundUp(RoundUp(file.size(), kBiosSectorSize) + kAdvSize, kVolumeBlock) - kAdvSize,
              '\0');
  const auto adv = FormatAdv({});
  return file + adv + adv;
}

std::pair<Region, Region> AdvRegions(const Region& loader, Bytes length) {
  if (length % kBiosSectorSize != 0 || length < 3 * kBiosSectorSize || length > loader.length()) {
    throw Error(ErrorKind::kFailed,
                "ldlinux.sys has " + std::to_string(length) + " bytes, which it cannot have");
  }
  return {loader.Sub(length - 2 * kAdvSize, kAdvSize), loader.Sub(length - kAdvSize, kAdvSize)};
}

void WriteSyslinuxLoader(const Region& boot_partition,
                         const Region& loader,
                         const SyslinuxParts& parts) {
  CheckParts(parts);
  CheckPlaces(boot_partition, loader);
  const auto file = PlacedLoader(boot_partition, loader, parts);
  const auto bytes = AsBytes(file);
  InContext("writing ldlinux.sys", [&] {
    loader.Write(0, bytes);
    loader.Sync();
    std::vector<std::byte> written(file.size());
    loader.Read(0, written);
    if (!std::ranges::equal(written, bytes)) {
      throw Error(ErrorKind::kFailed, "the disk returns other bytes than were written");
    }
  });
}

void WriteSyslinuxBootCode(const Region& boot_partition,
                           const Region& loader,
                           const SyslinuxParts& parts) {
  CheckParts(parts);
  CheckPlaces(boot_partition, loader);
  InContext("writing syslinux's boot sector", [&] {
    ChangeFirstSector(boot_partition, [&](MutableByteSpan sector) {
      PutBootSector(boot_partition, loader, parts, sector);
    });
  });
  InContext("writing syslinux's MBR", [&] {
    ChangeFirstSector(Region(boot_partition.device()),
                      [&](MutableByteSpan sector) { PutMbr(parts, sector); });
  });
}

bool IsSyslinux(const Region& boot_partition, const Region& loader, const SyslinuxParts& parts) {
  CheckParts(parts);
  CheckPlaces(boot_partition, loader);
  const auto file = PlacedLoader(boot_partition, loader, parts);
  std::string found(file.size() - 2 * kAdvSize, '\0');
  loader.Read(0, AsWritableBytes(found));
  return file.starts_with(found) &&
         HasAlready(boot_partition,
                    [&](MutableByteSpan sector) {
                      PutBootSector(boot_partition, loader, parts, sector);
                    }) &&
         HasAlready(Region(boot_partition.device()),
                    [&](MutableByteSpan sector) { PutMbr(parts, sector); });
}

std::string SyslinuxVersion(std::string_view ldlinux_sys) {
  constexpr std::string_view kBanner = "\r\nSYSLINUX ";
  constexpr std::size_t kLongest = 16;
  if (!ldlinux_sys.starts_with(kBanner)) {
    return {};
  }
  const auto rest = ldlinux_sys.substr(kBanner.size(), kLongest);
  const auto end =
      std::ranges::find_if_not(rest, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return {rest.begin(), end};
}

bool HasSyslinuxBootCode(const Region& boot_partition) {
  // fatgen103, section 3.1: the name of what formatted the volume, which syslinux replaces.
  constexpr Bytes kName = 3;
  constexpr std::string_view kOurs = "SYSLINUX";
  std::vector<std::byte> sector(kBiosSectorSize);
  boot_partition.Read(0, sector);
  return AsText(sector).substr(kName, kOurs.size()) == kOurs;
}

}  // namespace ros::bootloader
