#include "bootloader/boot_state_store.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "bootloader/grub_environment.hpp"

namespace ros::bootloader {
namespace {

using Block = std::array<std::byte, kGrubEnvironmentSize>;

constexpr std::byte kPadding{'#'};

Region EnvironmentRegion(Region region, std::string_view name) {
  if (!region.device() || region.length() < kGrubEnvironmentSize) {
    throw Error(ErrorKind::kFailed,
                std::string(name) + " has " + std::to_string(region.length()) + " bytes, not " +
                    std::to_string(kGrubEnvironmentSize));
  }
  return region;
}

Block ReadBlock(const Region& region) {
  Block block{};
  region.Read(0, block);
  return block;
}

StoredCopy LoadCopy(const Region& region) {
  try {
    return {.state = ParseGrubEnvironment(ReadBlock(region))};
  } catch (const Error& error) {
    return {.damage = error.message()};
  }
}

// The block that is there, or one that differs from every good one where it cannot be read.
Block ReadBlockToRepair(const Region& region) {
  try {
    return ReadBlock(region);
  } catch (const Error&) {
    return {};
  }
}

void StoreCopy(const Region& region, const BootState& state) {
  const auto text = FormatGrubEnvironment(state);
  const auto wanted = AsBytes(text);
  const auto found = ReadBlockToRepair(region);
  if (std::ranges::equal(found, wanted)) {
    return;
  }
  const auto tail = ByteSpan(found).subspan(kGrubStateSize);
  if (!std::ranges::all_of(tail, [](std::byte b) { return b == kPadding; })) {
    // Only after damage. On its own and first, so that the state is still one write.
    region.Write(kGrubStateSize, wanted.subspan(kGrubStateSize));
    region.Sync();
  }
  region.Write(0, wanted.first(kGrubStateSize));
  region.Sync();
}

}  // namespace

GrubStore::GrubStore(Region grubenv, Region grubenv2)
    : first_(EnvironmentRegion(std::move(grubenv), "grubenv")),
      second_(EnvironmentRegion(std::move(grubenv2), "grubenv2")) {}

LoadedState GrubStore::Load() const {
  return {.first = LoadCopy(first_), .second = LoadCopy(second_)};
}

void GrubStore::Store(const BootState& state) {
  InContext("storing the boot state", [&] { StoreCopy(first_, state); });
}

void GrubStore::MirrorGood() {
  const auto first = LoadCopy(first_);
  if (!first.sound()) {
    throw Error(ErrorKind::kRefused, "the boot state is damaged: " + first.damage);
  }
  InContext("storing the second copy of the boot state",
            [&] { StoreCopy(second_, {.good = first.state->good}); });
}

}  // namespace ros::bootloader
