#include "bootloader/grub_install.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

namespace ros::bootloader {
namespace {

constexpr Bytes kSector = 512;
constexpr Bytes kLargestCoreImage = Bytes{1} << 20U;
constexpr std::string_view kEfiMark = "MZ";  // of a PE program

// The boot partition on the disk that GRUB was started from: its number is ours, the drive GRUB's.
constexpr const char* kPrefix = "(,gpt2)/grub";

// Everything the script uses, since the boot partition holds no modules; `ls` and `cat` are for a
// person at the prompt.
constexpr const char* kModules[] = {"part_gpt",    "fat",    "normal",   "configfile", "linux",
                                    "chain",       "test",   "echo",     "loadenv",    "hashsum",
                                    "gcry_sha256", "serial", "terminal", "keystatus",  "probe",
                                    "regexp",      "reboot", "halt",     "ls",         "cat"};
// How GRUB reaches disks: by the BIOS's calls, or (built in) by UEFI's. The other is for the
// screen.
constexpr const char* kBiosModule = "biosdisk";
constexpr const char* kEfiModule = "efi_gop";

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

MutableByteSpan AsWritableBytes(std::string& text) {
  return std::as_writable_bytes(std::span(text.data(), text.size()));
}

void CheckParts(const GrubParts& parts) {
  if (parts.boot_image.size() != kSector) {
    throw Error(ErrorKind::kVerification,
                std::string(kGrubBootImageName) + " has " +
                    std::to_string(parts.boot_image.size()) + " bytes and must have 512");
  }
  if (parts.core_image.size() <= kSector || parts.core_image.size() > kLargestCoreImage) {
    throw Error(ErrorKind::kVerification,
                std::string(kGrubCoreImageName) + " has " +
                    std::to_string(parts.core_image.size()) + " bytes, which GRUB cannot have");
  }
  const auto& efi = parts.efi_image;
  if (!efi.empty() && (!efi.starts_with(kEfiMark) || efi.size() > kEfiImagePlace)) {
    throw Error(ErrorKind::kVerification,
                std::string(kGrubEfiImageName) + " is no EFI program, or larger than " +
                    FormatBytes(kEfiImagePlace));
  }
}

std::string MakeImage(const std::filesystem::path& directory,
                      const char* format,
                      const char* module) {
  const TempDirectory scratch("ros-grub");
  const auto image = scratch.path() / "image";
  Command command{.argv = {"grub-mkimage",
                           "--directory=" + directory.string(),
                           std::string("--format=") + format,
                           std::string("--prefix=") + kPrefix,
                           "--output=" + image.string(),
                           module}};
  command.argv.insert(command.argv.end(), std::begin(kModules), std::end(kModules));
  RunTool(command);
  return ReadFile(image, kEfiImagePlace);
}

void CheckPlace(const Region& bios_partition) {
  const auto& device = *bios_partition.device();
  if (device.sector_size() != kSector) {
    throw Error(ErrorKind::kDoesNotFit,
                device.name() + " has sectors of " + std::to_string(device.sector_size()) +
                    " bytes; GRUB starts from a BIOS with sectors of 512 bytes only");
  }
  if (bios_partition.offset() % kSector != 0) {
    throw Error(ErrorKind::kFailed, "the BIOS boot partition does not start at a sector");
  }
}

const std::string& Part(const std::map<std::string, std::string>& files, const char* name) {
  const auto found = files.find(name);
  if (found == files.end()) {
    throw Error(ErrorKind::kVerification,
                std::string("the image's boot loader has no file ") + name);
  }
  return found->second;
}

}  // namespace

std::map<std::string, std::string> ToFiles(const GrubParts& parts) {
  std::map<std::string, std::string> files = {{kGrubBootImageName, parts.boot_image},
                                              {kGrubCoreImageName, parts.core_image}};
  if (!parts.efi_image.empty()) {
    files[kGrubEfiImageName] = parts.efi_image;
  }
  return files;
}

GrubParts FromFiles(const std::map<std::string, std::string>& files) {
  GrubParts parts{.boot_image = Part(files, kGrubBootImageName),
                  .core_image = Part(files, kGrubCoreImageName)};
  if (const auto efi = files.find(kGrubEfiImageName); efi != files.end()) {
    parts.efi_image = efi->second;
  }
  CheckParts(parts);
  return parts;
}

GrubParts BuildGrubParts(const std::filesystem::path& grub_directory) {
  auto parts = InContext("making GRUB's core image", [&] {
    return GrubParts{.boot_image = ReadFile(grub_directory / "boot.img", kSector),
                     .core_image = MakeImage(grub_directory, "i386-pc", kBiosModule)};
  });
  InContext("making GRUB's EFI image", [&] {
    const auto directory = grub_directory.parent_path() / "x86_64-efi";
    if (!std::filesystem::exists(directory)) {
      throw Error(ErrorKind::kFailed,
                  "there is no " + directory.string() + "; install grub-efi-amd64-bin");
    }
    parts.efi_image = MakeImage(directory, "x86_64-efi", kEfiModule);
  });
  CheckParts(parts);
  return parts;
}

void WriteCoreImage(const Region& bios_partition, const GrubParts& parts) {
  CheckParts(parts);
  CheckPlace(bios_partition);
  auto core = parts.core_image;
  core.resize(RoundUp(core.size(), kSector), '\0');
  if (core.size() > bios_partition.length()) {
    throw Error(ErrorKind::kDoesNotFit,
                "GRUB's core image has " + FormatBytes(core.size()) +
                    " and the BIOS boot partition " + FormatBytes(bios_partition.length()));
  }
  const auto bytes = AsWritableBytes(core);
  StoreLe64(bytes, kBlockListStart, bios_partition.offset() / kSector + 1);
  StoreLe16(bytes, kBlockListLength, static_cast<std::uint16_t>(core.size() / kSector - 1));
  StoreLe16(bytes, kBlockListSegment, kCoreSegment);
  InContext("writing GRUB's core image", [&] {
    bios_partition.Write(0, bytes);
    bios_partition.Sync();
    std::vector<std::byte> written(core.size());
    bios_partition.Read(0, written);
    if (!std::ranges::equal(written, bytes)) {
      throw Error(ErrorKind::kFailed, "the disk returns other bytes than were written");
    }
  });
}

void WriteBootCode(const Region& bios_partition, const GrubParts& parts) {
  CheckParts(parts);
  CheckPlace(bios_partition);
  auto code = parts.boot_image;
  const auto bytes = AsWritableBytes(code);
  StoreLe64(bytes, kKernelSector, bios_partition.offset() / kSector);
  bytes[kDriveCheck] = kNop;
  bytes[kDriveCheck + 1] = kNop;
  InContext("writing GRUB's boot sector", [&] {
    auto& disk = *bios_partition.device();
    disk.Read(kCodeEnd, bytes.subspan(kCodeEnd));
    disk.Write(0, bytes);
    disk.Sync();
  });
}

bool HasBootCode(const BlockDevice& disk) {
  std::array<std::byte, kCodeEnd> code{};
  disk.Read(0, code);
  return AsText(code).find(kBootCodeMark) != std::string_view::npos;
}

}  // namespace ros::bootloader
