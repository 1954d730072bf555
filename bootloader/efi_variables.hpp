#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ros::bootloader {

// UEFI 2.10, section 2.3.1: what names variables, vendors and partitions.
inline constexpr std::size_t kGuidSize = 16;

// The vendor of the variables that UEFI itself defines (UEFI 2.10, section 3.3).
inline constexpr std::string_view kEfiGlobalVendor = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

// A variable of the firmware (UEFI 2.10, section 8.2).
struct EfiVariable {
  std::uint32_t attributes = 0;
  std::string data;

  bool operator==(const EfiVariable&) const = default;
};

// The firmware's variables as efivarfs shows them: one file each, NAME-VENDOR, whose first four
// bytes are the attributes.
class EfiVariables {
 public:
  explicit EfiVariables(std::filesystem::path directory = "/sys/firmware/efi/efivars")
      : directory_(std::move(directory)) {}

  // Nothing where there is no such variable, or no efivarfs at all. Throws kFailed for one that
  // cannot be read or is larger than 64 KiB.
  [[nodiscard]] std::optional<EfiVariable> Read(std::string_view name,
                                                std::string_view vendor = kEfiGlobalVendor) const;

  // The names of a vendor's variables, sorted.
  [[nodiscard]] std::vector<std::string> List(std::string_view vendor = kEfiGlobalVendor) const;

  // Whether there are variables, and this process may make some: not where no efivarfs is mounted,
  // or read-only.
  [[nodiscard]] bool IsWritable() const;

  // Makes or replaces a variable, by one write, as efivarfs wants it; the firmware does it whole or
  // not at all. The immutable flag that the kernel gives to variables which must not go by mistake
  // is taken off meanwhile. Throws kFailed when the firmware refuses: it is full, or locked.
  void Write(std::string_view name,
             const EfiVariable& variable,
             std::string_view vendor = kEfiGlobalVendor);

 private:
  [[nodiscard]] std::filesystem::path PathOf(std::string_view name, std::string_view vendor) const;

  std::filesystem::path directory_;
};

}  // namespace ros::bootloader
