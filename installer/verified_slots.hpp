#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/slot.hpp"
#include "images/verified_image.hpp"

namespace ros::installer {

// What was verified when `ros` wrote a slot. Once that slot is the good one, its policy is the
// machine's.
struct VerifiedSlot {
  std::string digest;  // of the image manifest, "sha256:..."
  std::string policy;  // the image's trust policy; empty for none

  bool operator==(const VerifiedSlot&) const = default;
};

using VerifiedSlots = std::map<SlotId, VerifiedSlot>;

// Of a signed image. The policy of an unsigned one, which --insecure lets in, counts for nothing.
VerifiedSlot VerifiedSlotOf(const images::VerifiedImage& image);

// STATE/verified.json; empty where there is none (installed by an older `ros`, or --forget-trust).
// Throws kVerification naming the file where it makes no sense: what it said is not guessed.
VerifiedSlots ReadVerifiedSlots(const std::filesystem::path& state);

// Durable; the other slot's stays.
void RememberVerifiedSlot(const std::filesystem::path& state,
                          SlotId slot,
                          const VerifiedSlot& verified);

// For slots that were made anew: this is all there is, whatever was recorded before.
void ReplaceVerifiedSlots(const std::filesystem::path& state, const VerifiedSlots& slots);

std::string FormatVerifiedSlots(const VerifiedSlots& slots);

}  // namespace ros::installer
