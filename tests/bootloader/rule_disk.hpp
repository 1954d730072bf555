#pragma once

#include <filesystem>
#include <memory>
#include <optional>

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
};

std::unique_ptr<RuleDisk> MakeGrubRuleDisk(const std::filesystem::path& path);

}  // namespace ros::bootloader::test
