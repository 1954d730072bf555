#include "bootloader/grub_environment.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {

// The input is padded, or cut, to what a file of that kind has.
void Run(ByteSpan input) {
  std::string block(AsText(input));
  block.resize(bootloader::kGrubEnvironmentSize, '#');
  const auto state = bootloader::ParseGrubEnvironment(AsBytes(block));
  Expect(!state.trial || (state.trial->slot != state.good && state.trial->tries_left >= 0 &&
                          state.trial->tries_left <= bootloader::kMaximumTries),
         "a trial is of the other slot and has tries that can be");
  const auto written = bootloader::FormatGrubEnvironment(state);
  Expect(bootloader::ParseGrubEnvironment(AsBytes(written)) == state,
         "what is written is read back the same");
}

std::vector<Seed> Seeds() {
  using bootloader::BootState;
  using bootloader::Trial;
  const auto seed = [](const BootState& state) {
    const auto block = bootloader::FormatGrubEnvironment(state);
    return block.substr(0, block.find_last_not_of('#') + 1);
  };
  return {{"good", seed({.good = SlotId::kB})},
          {"trial", seed({.trial = Trial{.slot = SlotId::kB, .tries_left = 2, .started = true}})},
          {"other", "# GRUB Environment Block\nsaved_entry=0\n" + seed({}).substr(25)}};
}

}  // namespace ros::fuzz
