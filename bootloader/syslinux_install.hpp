#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/block_device.hpp"

namespace ros::bootloader {

// syslinux for BIOS machines, made on the build host and carried in the image.
struct SyslinuxParts {
  std::string mbr;          // gptmbr.bin: starts the partition with the legacy boot attribute
  std::string boot_sector;  // of a FAT32 volume, 512 bytes; its BIOS parameter block is not used
  std::string ldlinux_sys;  // the loader, without the two sectors of its ADV
  // What it loads from /syslinux, by name in small letters (kSyslinuxModules).
  std::map<std::string, std::string> modules;

  bool operator==(const SyslinuxParts&) const = default;
};

// Names of the parts in the image's boot loader layer (a tar).
inline constexpr const char* kSyslinuxMbrName = "syslinux/bios/gptmbr.bin";
inline constexpr const char* kSyslinuxBootSectorName = "syslinux/bios/ldlinux.bss";
inline constexpr const char* kSyslinuxLoaderName = "syslinux/bios/ldlinux.sys";
inline constexpr const char* kSyslinuxModulePrefix = "syslinux/bios/";

// Its core, and what restarts the machine when no slot loads.
inline constexpr const char* kSyslinuxModules[] = {"ldlinux.c32", "libcom32.c32", "reboot.c32"};

// Where the loader lies on the boot partition.
inline constexpr const char* kSyslinuxLoaderPath = "/SYSLINUX/LDLINUX.SYS";

// The parts as files by name, and back. SyslinuxFromFiles gives nothing where none of them is
// there, throws kVerification when some are missing or cannot be what they are called; other files
// are passed over.
std::map<std::string, std::string> ToFiles(const SyslinuxParts& parts);
std::optional<SyslinuxParts> SyslinuxFromFiles(const std::map<std::string, std::string>& files);

// Whether this build host has what BuildSyslinuxParts takes the parts from.
bool HasSyslinux();

// Takes the parts out of a scratch volume that the `syslinux` tool has installed itself on, since
// it carries most of them inside (Debian: syslinux, syslinux-common, mtools, dosfstools). The same
// syslinux gives the same bytes. Throws kFailed when a tool or a file is missing.
SyslinuxParts BuildSyslinuxParts();

// The content of ldlinux.sys as it is made at install: the loader, not told yet where it lies, and
// two empty ADVs. They are its last two sectors; where the file starts at a multiple of 4096 bytes,
// each lies in another block of 4096 bytes.
std::string SyslinuxLoaderFile(const SyslinuxParts& parts);

// The regions of the two copies of the ADV in ldlinux.sys as SyslinuxLoaderFile makes it. Throws
// kFailed for a length that it cannot have.
std::pair<Region, Region> AdvRegions(const Region& loader, Bytes length);

// Tells the loader where it lies, as `syslinux --install` does (6.04, libinstaller/syslxmod.c):
// writes SyslinuxLoaderFile to `loader`, the file's clusters, in one piece on `boot_partition`;
// syncs, reads back. Both regions are on one device. Throws kDoesNotFit when the disk's sectors are
// not 512 bytes or the place is too small.
void WriteSyslinuxLoader(const Region& boot_partition,
                         const Region& loader,
                         const SyslinuxParts& parts);

// Puts the loader's boot sector into the FAT32 volume's first sector, with the place of
// ldlinux.sys; the volume's parameters stay. Then gptmbr.bin into the disk's first sector; bytes
// 0x1b8 and later stay. Each is one write of one sector, synced.
void WriteSyslinuxBootCode(const Region& boot_partition,
                           const Region& loader,
                           const SyslinuxParts& parts);

// Whether loader, boot sector and MBR on the disk are those that the two functions above write for
// these parts; the boot state in the ADV may be any.
bool IsSyslinux(const Region& boot_partition, const Region& loader, const SyslinuxParts& parts);

// "6.04" of an ldlinux.sys, which begins with its name; empty when it does not.
std::string SyslinuxVersion(std::string_view ldlinux_sys);

// Whether a volume's first sector has syslinux's code, as WriteSyslinuxBootCode leaves it.
bool HasSyslinuxBootCode(const Region& boot_partition);

}  // namespace ros::bootloader
