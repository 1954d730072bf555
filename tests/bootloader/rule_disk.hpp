#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "boot_rule_table.hpp"

namespace ros::bootloader::test {

// A disk with a boot loader and the slots "disk a" and "disk b" (WholeSlot), to compare what the
// boot loader does with NextBoot.
class RuleDisk {
 public:
  virtual ~RuleDisk() = default;

  [[nodiscard]] virtual const std::filesystem::path& path() const = 0;

  // Makes the disk what the situation says, whatever it was before.
  virtual void Prepare(const Situation& situation) const = 0;

  // What the boot loader's store reads from it now.
  [[nodiscard]] virtual std::optional<BootState> State() const = 0;

  // What the slot that was started is told beside its kernel's arguments; empty: nothing.
  [[nodiscard]] virtual std::string Told(SlotId slot) const = 0;

  // Whether the boot loader has a way to tell which slot did not load. With unified kernels it is
  // written into the first copy of the boot state, which must be sound.
  [[nodiscard]] virtual bool TellsWhatFell(const Situation& situation) const = 0;
};

std::unique_ptr<RuleDisk> MakeGrubRuleDisk(const std::filesystem::path& path);

// With GRUB as an owner signs it, its script inside, and unified kernels; not signed, for a machine
// that does not ask. UEFI alone.
std::unique_ptr<RuleDisk> MakeOwnerRuleDisk(const std::filesystem::path& path);

}  // namespace ros::bootloader::test
