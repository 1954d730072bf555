#pragma once

#include <optional>
#include <ostream>
#include <vector>

#include "bootloader/boot_state.hpp"

namespace ros::bootloader::test {

// Which of the two copies of the boot state have been spoilt.
enum class SpoiltCopies { kNone, kFirst, kBoth };

// What a boot loader finds on a disk: one row of the table over which NextBoot and the real boot
// loaders are compared.
struct Situation {
  BootState state;  // as it was stored before it was spoilt; the second copy holds its good slot
  SpoiltCopies spoilt = SpoiltCopies::kNone;
  LoadableSlots loadable = {.a = true, .b = true};

  // What the copies that are left tell; nothing when there is none.
  [[nodiscard]] std::optional<BootState> Readable() const;
};

std::ostream& operator<<(std::ostream& out, const Situation& situation);

// Every boot state (no trial, or one with 0 to 9 tries left, either slot good) with each slot whole
// or not; then the same with spoilt copies.
std::vector<Situation> EverySituation();

// A few of them, one of each kind, for machines that take long to start.
std::vector<Situation> SituationsOfEachKind();

}  // namespace ros::bootloader::test
