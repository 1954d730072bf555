#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/slot.hpp"

namespace ros::partitions {

// The five partitions of a disk of ours, in their order on it.
enum class PartitionRole { kBios, kBoot, kSlotA, kSlotB, kState };

inline constexpr std::array kPartitionRoles = {PartitionRole::kBios,
                                               PartitionRole::kBoot,
                                               PartitionRole::kSlotA,
                                               PartitionRole::kSlotB,
                                               PartitionRole::kState};

// The GPT name: "ROS-BIOS", "ROS-BOOT", "ROS-A", "ROS-B", "ROS-STATE".
std::string_view PartitionName(PartitionRole role);

// The number in the table: 1 to 5.
int PartitionNumber(PartitionRole role);

// The GPT type as lower-case UUID. Slots are "root of x86-64" and the state is "variable data" of
// the Discoverable Partitions Specification.
std::string_view PartitionType(PartitionRole role);

std::optional<PartitionRole> ParsePartitionName(std::string_view name);

constexpr PartitionRole RoleOf(SlotId slot) {
  return slot == SlotId::kA ? PartitionRole::kSlotA : PartitionRole::kSlotB;
}

}  // namespace ros::partitions
