#include "bootloader/core_image.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.hpp"
#include "bootloader/firmware.hpp"

namespace ros::bootloader {
namespace {

// Where the halves meet: no sector of any size has a part of both.
constexpr Bytes kBlock = 4096;

// boot.img (GRUB, include/grub/i386/pc/boot.h).
constexpr Bytes kKernelSector = 0x5c;  // u64: the core image's first sector
constexpr Bytes kDriveCheck = 0x66;    // two bytes; NOPs mend BIOSes that pass a wrong drive
constexpr Bytes kCodeEnd = 0x1b8;      // disk signature, partition entries, 0x55aa
constexpr std::byte kNop{0x90};
constexpr std::string_view kBootCodeMark{"GRUB ", 5};  // the first word that it prints

// The core image's first sector ends in a list of where the rest lies.
constexpr Bytes kBlockListStart = 0x1f4;    // u64: first sector
constexpr Bytes kBlockListLength = 0x1fc;   // u16: sectors
constexpr Bytes kBlockListSegment = 0x1fe;  // u16: where it is loaded
constexpr std::uint16_t kCoreSegment = 0x820;

void CheckPlace(const Region& bios_partition) {
  const auto& device = *bios_partition.device();
  if (device.sector_size() != kBiosSectorSize) {
    throw Error(ErrorKind::kDoesNotFit,
                device.name() + " has sectors of " + std::to_string(device.sector_size()) +
                    " bytes; GRUB starts from a BIOS with sectors of 512 bytes only");
  }
  if (bios_partition.offset() % kBiosSectorSize != 0) {
    throw Error(ErrorKind::kFailed, "the BIOS boot partition does not start at a sector");
  }
}

Region RegionOf(const Region& bios_partition, CoreHalf half) {
  CheckPlace(bios_partition);
  const auto size = RoundDown(bios_partition.length() / 2, kBlock);
  return bios_partition.Sub(half == CoreHalf::kFirst ? 0 : size, size);
}

Bytes FirstSector(const Region& half) {
  return half.offset() / kBiosSectorSize;
}

void WriteAndCompare(const Region& region, Bytes offset, ByteSpan data) {
  region.Write(offset, data);
  region.Sync();
  std::vector<std::byte> written(data.size());
  region.Read(offset, written);
  if (!std::ranges::equal(written, data)) {
    throw Error(ErrorKind::kFailed, "the disk returns other bytes than were written");
  }
}

// The disk's first sector as it is, with the boot code for that half.
std::string SectorWithBootCode(const Region& half, const GrubParts& parts) {
  auto sector = parts.boot_image;
  const auto bytes = AsWritableBytes(sector);
  StoreLe64(bytes, kKernelSector, FirstSector(half));
  bytes[kDriveCheck] = kNop;
  bytes[kDriveCheck + 1] = kNop;
  half.device()->Read(kCodeEnd, bytes.subspan(kCodeEnd));
  return sector;
}

}  // namespace

CoreHalf Other(CoreHalf half) {
  return half == CoreHalf::kFirst ? CoreHalf::kSecond : CoreHalf::kFirst;
}

std::string_view Name(CoreHalf half) {
  return half == CoreHalf::kFirst ? "first" : "second";
}

std::optional<CoreHalf> FindStartedHalf(const Region& bios_partition) {
  std::vector<std::byte> sector(kBiosSectorSize);
  bios_partition.device()->Read(0, sector);
  const auto named = LoadLe64(sector, kKernelSector);
  for (const auto half : {CoreHalf::kFirst, CoreHalf::kSecond}) {
    if (named == FirstSector(RegionOf(bios_partition, half))) {
      return half;
    }
  }
  return std::nullopt;
}

std::string PlaceCoreImage(const Region& bios_partition, CoreHalf half, const GrubParts& parts) {
  const auto region = RegionOf(bios_partition, half);
  auto core = parts.core_image;
  core.resize(RoundUp(core.size(), kBiosSectorSize), '\0');
  if (core.size() + kBiosSectorSize > region.length()) {
    throw Error(ErrorKind::kDoesNotFit,
                "GRUB's core image has " + FormatBytes(core.size()) +
                    " and a half of the BIOS boot partition " + FormatBytes(region.length()));
  }
  const auto bytes = AsWritableBytes(core);
  StoreLe64(bytes, kBlockListStart, FirstSector(region) + 1);
  StoreLe16(bytes, kBlockListLength, static_cast<std::uint16_t>(core.size() / kBiosSectorSize - 1));
  StoreLe16(bytes, kBlockListSegment, kCoreSegment);
  return core;
}

void WriteCoreImage(const Region& bios_partition,
                    CoreHalf half,
                    const std::string& placed,
                    std::string_view description) {
  InContext("writing GRUB's core image", [&] {
    const auto region = RegionOf(bios_partition, half);
    std::string last(description);
    last.resize(kBiosSectorSize, '\n');
    WriteAndCompare(region, 0, AsBytes(placed));
    WriteAndCompare(region, region.length() - kBiosSectorSize, AsBytes(last));
  });
}

std::string ReadCoreImage(const Region& bios_partition, CoreHalf half) {
  const auto region = RegionOf(bios_partition, half);
  std::string core(kBiosSectorSize, '\0');
  region.Read(0, AsWritableBytes(core));
  const Bytes size = (Bytes{LoadLe16(AsBytes(core), kBlockListLength)} + 1) * kBiosSectorSize;
  if (LoadLe64(AsBytes(core), kBlockListStart) != FirstSector(region) + 1 ||
      size + kBiosSectorSize > region.length()) {
    return {};
  }
  core.resize(size);
  region.Read(0, AsWritableBytes(core));
  return core;
}

std::string ReadCoreDescription(const Region& bios_partition, CoreHalf half) {
  const auto region = RegionOf(bios_partition, half);
  std::string text(kBiosSectorSize, '\0');
  region.Read(region.length() - kBiosSectorSize, AsWritableBytes(text));
  return text;
}

void WriteBootCode(const Region& bios_partition, CoreHalf half, const GrubParts& parts) {
  const auto region = RegionOf(bios_partition, half);
  InContext("writing GRUB's boot sector", [&] {
    const auto sector = SectorWithBootCode(region, parts);
    region.device()->Write(0, AsBytes(sector));
    region.device()->Sync();
  });
}

bool IsBootCode(const Region& bios_partition, CoreHalf half, const GrubParts& parts) {
  std::string sector(kBiosSectorSize, '\0');
  bios_partition.device()->Read(0, AsWritableBytes(sector));
  return sector == SectorWithBootCode(RegionOf(bios_partition, half), parts);
}

bool HasBootCode(const BlockDevice& disk) {
  std::array<std::byte, kCodeEnd> code{};
  disk.Read(0, code);
  return AsText(code).find(kBootCodeMark) != std::string_view::npos;
}

}  // namespace ros::bootloader
