#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "bootloader/efi_variables.hpp"

namespace ros::bootloader {

// A program on a partition, as a boot entry names it.
struct BootProgram {
  std::uint32_t partition_number = 0;
  std::uint64_t first_sector = 0;  // in the disk's logical sectors
  std::uint64_t sectors = 0;
  std::string partition_uuid;  // as Linux writes it: "8be4df61-93ca-..."
  std::string file;            // "/EFI/ROS/BOOTX64.EFI"

  bool operator==(const BootProgram&) const = default;
};

// The content of a variable Boot####: EFI_LOAD_OPTION (UEFI 2.10, section 3.1.3), active, with the
// device path of `program` and no optional data. Characters of the description that are not ASCII
// become question marks. Throws kFailed for a UUID that is none.
std::string FormatBootOption(std::string_view description, const BootProgram& program);

// The program that such a content names, where its device path is a partition of a GPT and a file
// on it. Takes any bytes: firmware holds what others have put there.
std::optional<BootProgram> ParseBootOption(std::string_view option);

// The firmware's boot entries as they are. Plain data.
struct BootEntries {
  std::map<std::uint16_t, std::string> options;  // by the number in Boot####
  std::vector<std::uint16_t> order;              // BootOrder

  bool operator==(const BootEntries&) const = default;
};

// Reads them; nothing when this machine was not started by UEFI, or its variables cannot be written
// (no efivarfs, or read-only). Entries that cannot be read are passed over.
std::optional<BootEntries> InspectBootEntries(const EfiVariables& variables);

// What makes the firmware start a program first.
struct BootEntryPlan {
  std::uint16_t number = 0;
  enum class Number { kNew, kReused } kind = Number::kNew;
  std::string description;
  BootProgram program;
  std::vector<std::uint16_t> order;

  // "Boot0003"
  [[nodiscard]] std::string Name() const;

  bool operator==(const BootEntryPlan&) const = default;
};

// Pure. Takes the number of an entry for the same file on one of the partitions `replaced` (UUIDs:
// what the new partition takes the place of) or on the program's own, else the first that is free,
// and puts it in front of the order. All other entries stay as they are, in their order. Throws
// kDoesNotFit when all numbers are taken.
BootEntryPlan PlanBootEntry(const BootEntries& found,
                            std::string_view description,
                            const BootProgram& program,
                            const std::vector<std::string>& replaced);

// Writes the entry, then the order: a power cut between them leaves an entry that is not tried.
// What is as it should be is not written. Throws kFailed when the firmware refuses.
void WriteBootEntry(EfiVariables& variables, const BootEntryPlan& plan);

}  // namespace ros::bootloader
