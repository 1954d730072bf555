#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ros {

// One of the two homes for an OS: a root partition and a folder on the boot partition.
enum class SlotId { kA, kB };

constexpr SlotId Other(SlotId slot) {
  return slot == SlotId::kA ? SlotId::kB : SlotId::kA;
}

// "a" or "b".
constexpr std::string_view Name(SlotId slot) {
  return slot == SlotId::kA ? "a" : "b";
}

// "slot a": for people.
inline std::string SlotText(SlotId slot) {
  return "slot " + std::string(Name(slot));
}

constexpr std::optional<SlotId> ParseSlot(std::string_view name) {
  if (name == "a") {
    return SlotId::kA;
  }
  if (name == "b") {
    return SlotId::kB;
  }
  return std::nullopt;
}

}  // namespace ros
