#include "bootloader/firmware.hpp"

#include "base/error.hpp"
#include "bootloader/efi_variables.hpp"

namespace ros::bootloader {
namespace {

SecureBoot ReadSecureBoot(const std::filesystem::path& efivars) {
  if (std::error_code unused; std::filesystem::is_empty(efivars, unused) || unused) {
    return SecureBoot::kUnknown;
  }
  try {
    const auto variable = EfiVariables(efivars).Read("SecureBoot");
    // Firmware without the feature has no such variable.
    return variable && variable->data == "\x01" ? SecureBoot::kOn : SecureBoot::kOff;
  } catch (const Error&) {
    return SecureBoot::kUnknown;
  }
}

}  // namespace

Firmware InspectFirmware(const std::filesystem::path& sys) {
  const auto efi = sys / "firmware/efi";
  if (!std::filesystem::exists(efi)) {
    return {};
  }
  return {.kind = FirmwareKind::kUefi, .secure_boot = ReadSecureBoot(efi / "efivars")};
}

std::string_view Name(FirmwareKind kind) {
  return kind == FirmwareKind::kUefi ? "uefi" : "bios";
}

std::string_view Name(SecureBoot state) {
  switch (state) {
    case SecureBoot::kOff:
      return "off";
    case SecureBoot::kOn:
      return "on";
    case SecureBoot::kUnknown:
      break;
  }
  return "unknown";
}

}  // namespace ros::bootloader
