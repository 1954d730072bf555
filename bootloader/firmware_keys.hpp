#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootloader/efi_variables.hpp"

namespace ros::bootloader {

// What the firmware starts under Secure Boot: its variable `db`.
struct FirmwareKeys {
  std::vector<std::string> certificates;  // X.509, DER; a program is signed by one of these
  bool others = false;                    // digests of single programs, and what else there is

  bool operator==(const FirmwareKeys&) const = default;
};

// Reads the content of `db`: EFI_SIGNATURE_LISTs one after the other (UEFI 2.10, section 32.4.1).
// What is not of that form ends it, and counts as `others`.
FirmwareKeys ParseFirmwareKeys(std::string_view db);

// Those of the running machine; none where there is no such variable, or it cannot be read.
std::optional<FirmwareKeys> ReadFirmwareKeys(const EfiVariables& variables);

}  // namespace ros::bootloader
