#include "bootloader/boot_state_store.hpp"
#include "bootloader/grub_environment.hpp"
#include "bootloader/syslinux_adv.hpp"
#include "bootloader/syslinux_store.hpp"
#include "fuzz/sparse_disk.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {
namespace {

using bootloader::BootState;
using bootloader::BootStateStore;
using bootloader::Trial;

constexpr Bytes kPlace = 4096;

BootState StateFrom(std::uint64_t number) {
  BootState state{.good = number % 2 == 0 ? SlotId::kA : SlotId::kB};
  if (number / 2 % 2 == 1) {
    const auto tries = static_cast<int>(number / 4 % (bootloader::kMaximumTries + 1));
    state.trial = Trial{.slot = Other(state.good),
                        .tries_left = tries,
                        .started = tries == 0 || number / 64 % 2 == 1};
  }
  return state;
}

void CheckStore(BootStateStore& store, const BootState& wanted) {
  const auto found = store.Load();
  Expect((found.first.sound() || !found.first.damage.empty()) &&
             (found.second.sound() || !found.second.damage.empty()),
         "a copy is sound, or it is said what is wrong");
  if (found.state()) {
    Expect(!found.state()->trial || found.state()->trial->slot != found.state()->good,
           "a trial is of the other slot");
  }
  store.Store(wanted);
  Expect(store.Load().first.state == wanted, "what is stored is loaded");
  store.MirrorGood();
  const auto mirrored = store.Load();
  Expect(mirrored.first.state == wanted, "the second copy leaves the first as it is");
  Expect(mirrored.second.sound() && mirrored.second.state->good == wanted.good,
         "the second copy names the good slot");
}

}  // namespace

// The input: the state to store, then what lies in the places, in pieces; one that is left out is
// sound.
void Run(ByteSpan bytes) {
  Input input(bytes);
  const auto wanted = StateFrom(input.Number(1));
  const auto disk = std::make_shared<SparseDisk>(4 * kPlace);
  const auto place = [&](Bytes number, Bytes length, const std::string& sound) {
    const auto given = input.TakePiece();
    Region region(disk, number * kPlace, length);
    region.Write(0, given.empty() ? AsBytes(sound) : given.first(std::min(given.size(), length)));
    return region;
  };
  const auto environment = bootloader::FormatGrubEnvironment({});
  auto first = place(0, bootloader::kGrubEnvironmentSize, environment);
  auto second = place(1, bootloader::kGrubEnvironmentSize, environment);
  bootloader::GrubStore grub(first, second);
  CheckStore(grub, wanted);

  const auto sector = bootloader::kAdvSize;
  bootloader::SyslinuxStore syslinux(
      {.default_cfg = place(0, sector, bootloader::FormatSyslinuxDefault(SlotId::kA)),
       .default2_cfg = place(1, sector, bootloader::FormatSyslinuxDefault2(SlotId::kA)),
       .adv = place(2, sector, bootloader::FormatAdv({{bootloader::kAdvRosState, "a,b,3,0"}})),
       .adv2 = place(3, sector, bootloader::FormatAdv({}))});
  CheckStore(syslinux, wanted);
}

std::vector<Seed> Seeds() {
  const auto block = bootloader::FormatGrubEnvironment({.good = SlotId::kB});
  return {
      {"sound", Number(0, 1)},
      {"trial", Number(2 + 12, 1)},
      {"damaged", Number(3 + 8 + 64, 1) + Piece("?") + Piece(block)},
      {"all-damaged",
       Number(3, 1) + Piece("1") + Piece("2") + Piece("3") + Piece("4") + Piece("5") + Piece("6")}};
}

}  // namespace ros::fuzz
