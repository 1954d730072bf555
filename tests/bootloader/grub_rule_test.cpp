// NextBoot is the boot loader's rule written in C++; GRUB's script is the same rule again. Here
// both are asked for every boot state, with each slot's files whole or not, and must agree.
#include <catch2/catch.hpp>
#include <vector>

#include "bootloader/boot_state_store.hpp"
#include "grub_machine.hpp"

namespace ros::bootloader::test {
namespace {

// Every state that a machine comes to: no trial, and a trial with 0 to 9 tries left.
std::vector<BootState> EveryState() {
  std::vector<BootState> states;
  for (const auto good : {SlotId::kA, SlotId::kB}) {
    states.push_back({.good = good});
    for (int tries = 0; tries <= kMaximumTries; ++tries) {
      states.push_back(
          {.good = good,
           .trial =
               Trial{.slot = Other(good), .tries_left = tries, .started = tries < kDefaultTries}});
    }
  }
  return states;
}

std::string KernelOf(const std::optional<SlotId>& slot) {
  return slot ? "disk " + std::string(Name(*slot)) : "";
}

std::optional<std::string> NameOf(const std::optional<SlotId>& slot) {
  return slot ? std::optional(std::string(Name(*slot))) : std::nullopt;
}

std::optional<std::string> NumberOf(const std::optional<int>& number) {
  return number ? std::optional(std::to_string(*number)) : std::nullopt;
}

void CompareOneBoot(const GrubDisk& disk, const LoadableSlots& loadable) {
  const GrubStore store(disk.Grubenv(), disk.Grubenv2());
  const auto state = store.Load().state();
  const auto expected = NextBoot(state, loadable);
  const auto boot = Boot({.disks = {disk.path()}});
  INFO((state ? ToString(*state) : "no state")
       << "; slot a loads: " << loadable.a << ", slot b loads: " << loadable.b << "\n"
       << boot.log);
  CHECK(boot.kernel == KernelOf(expected.slot));
  CHECK(boot.Argument("ros.slot") == NameOf(expected.slot));
  CHECK(boot.Argument("ros.trial") == NumberOf(expected.trial_tries_left));
  if (expected.slot) {
    CHECK(boot.Argument("ros.fell") == NameOf(expected.fell));
    CHECK(boot.initrd == "initrd of " + KernelOf(expected.slot));
  }
  CHECK(store.Load().state() == expected.after);
}

// A disk whose slots are whole or not.
GrubDisk DiskWith(const std::filesystem::path& path,
                  const GrubDisk& whole,
                  const LoadableSlots& loadable) {
  GrubDisk disk(path, whole);
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    if (!Has(loadable, slot)) {
      disk.Put("/" + std::string(Name(slot)) + "/kernel", "");
    }
  }
  return disk;
}

constexpr LoadableSlots kEveryLoadable[] = {{.a = true, .b = true}, {.a = true}, {.b = true}, {}};

}  // namespace

TEST_CASE("GRUB boots what NextBoot says: every boot state", "[bootloader][qemu]") {
  const TempDirectory scratch("ros-grub-test");
  const GrubDisk whole(scratch.path() / "whole", BuildGrubParts(), "disk");
  int number = 0;
  for (const auto& loadable : kEveryLoadable) {
    const auto disk = DiskWith(scratch.path() / std::to_string(number++), whole, loadable);
    for (const auto& state : EveryState()) {
      GrubStore store(disk.Grubenv(), disk.Grubenv2());
      store.Store(state);
      store.MirrorGood();
      CompareOneBoot(disk, loadable);
    }
  }
}

TEST_CASE("GRUB boots what NextBoot says: damaged boot state", "[bootloader][qemu]") {
  const TempDirectory scratch("ros-grub-test");
  const GrubDisk whole(scratch.path() / "whole", BuildGrubParts(), "disk");
  const std::vector<std::byte> garbage(512, std::byte{0xcc});
  int number = 0;
  for (const auto& loadable : kEveryLoadable) {
    const auto disk = DiskWith(scratch.path() / std::to_string(number++), whole, loadable);
    for (const auto good : {SlotId::kA, SlotId::kB}) {
      GrubStore store(disk.Grubenv(), disk.Grubenv2());
      store.Store({.good = good});
      store.MirrorGood();
      disk.Grubenv().Write(0, garbage);
      CompareOneBoot(disk, loadable);
    }
    disk.Grubenv2().Write(0, garbage);
    CompareOneBoot(disk, loadable);
  }
}

}  // namespace ros::bootloader::test
