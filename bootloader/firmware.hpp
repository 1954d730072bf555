#pragma once

#include <filesystem>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::bootloader {

enum class FirmwareKind { kBios, kUefi };

// What a BIOS reads and starts from; disks with larger sectors are not for it.
inline constexpr Bytes kBiosSectorSize = 512;

enum class SecureBoot {
  kOff,
  kOn,
  kUnknown,  // UEFI, and its variables cannot be read: no efivarfs is mounted
};

// What the running machine was started by.
struct Firmware {
  FirmwareKind kind = FirmwareKind::kBios;
  SecureBoot secure_boot = SecureBoot::kOff;

  bool operator==(const Firmware&) const = default;
};

// Reads sysfs: firmware/efi is there when the kernel was started through UEFI, and the variable
// SecureBoot (UEFI 2.10, section 3.3) is 1 while the firmware starts signed programs only. Writes
// nothing, and an efivarfs that cannot be read is no error.
Firmware InspectFirmware(const std::filesystem::path& sys = "/sys");

// "bios", "uefi"; "off", "on", "unknown".
std::string_view Name(FirmwareKind kind);
std::string_view Name(SecureBoot state);

}  // namespace ros::bootloader
