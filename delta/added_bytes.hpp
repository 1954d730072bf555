#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::delta {

// The added bytes of a difference, packed by what the base says of them (docs/delta-format.md,
// "Added bytes by the base"): in a program that was built again nearly all of them are in
// addresses, which lie where the base has one, and change by what others change by that lead to the
// same place.

// What unpacking takes beside what it is given; packing takes as much again as it packs.
inline constexpr Bytes kAddedBytesMemory = Bytes{3} << 20U;

// Packs the added bytes of a difference whose steps these are. The same input gives the same bytes.
std::string PackAddedBytes(ByteSpan base, std::string_view steps, std::string_view added);

// Fills `added` from what was packed with the same base and steps; all may be anything. Throws
// kVerification; `added` is undefined then.
void UnpackAddedBytes(ByteSpan base,
                      std::string_view steps,
                      std::string_view packed,
                      MutableByteSpan added);

}  // namespace ros::delta
