// As boot_rule_test: the real syslinux is asked for every boot state, with each slot's files
// whole or not, and must do what NextBoot says.
#include <catch2/catch.hpp>
#include <vector>

#include "grub_machine.hpp"
#include "syslinux_disk.hpp"

namespace ros::bootloader::test {
namespace {

constexpr LoadableSlots kEveryLoadable[] = {{.a = true, .b = true}, {.a = true}, {.b = true}, {}};

std::vector<BootState> EveryState() {
  std::vector<BootState> states;
  for (const auto good : {SlotId::kA, SlotId::kB}) {
    states.push_back({.good = good});
    for (int tries = 0; tries <= kMaximumTries; ++tries) {
      states.push_back(
          {.good = good,
           .trial = Trial{.slot = Other(good), .tries_left = tries, .started = tries == 0}});
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

// What NextBoot says for what is on the disk. The file that is read in the place of a damaged
// default.cfg starts its slot as one that follows another.
NextBootResult Expected(const LoadedState& loaded, const LoadableSlots& loadable) {
  auto next = NextBoot(loaded.state(), loadable, TryCounting::kOneShot);
  const bool by_second = !loaded.first.sound() && loaded.second.sound();
  if (by_second && next.slot == loaded.second.state->good && !next.trial_tries_left) {
    next.fell = Other(*next.slot);
  }
  return next;
}

void CompareOneBoot(const SyslinuxDisk& disk, const LoadableSlots& loadable) {
  const SyslinuxStore store(disk.Places());
  const auto loaded = store.Load();
  const auto expected = Expected(loaded, loadable);
  const auto boot = Boot({.disks = {disk.path()}});
  INFO((loaded.state() ? ToString(*loaded.state()) : "no state")
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
SyslinuxDisk DiskWith(const std::filesystem::path& path,
                      const SyslinuxDisk& whole,
                      const LoadableSlots& loadable) {
  SyslinuxDisk disk(path, whole);
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    if (!Has(loadable, slot)) {
      disk.Put("/" + std::string(Name(slot)) + "/kernel", "");
    }
  }
  return disk;
}

void Spoil(const Region& region) {
  region.Write(0, std::vector(512, std::byte{0xcc}));
}

struct Fixture {
  TempDirectory scratch{"ros-syslinux-test"};
  SyslinuxDisk disk{scratch.path() / "disk", BuildSyslinuxParts()};
  SyslinuxStore store{disk.Places()};

  void Store(const BootState& state) {
    store.Store(state);
    store.MirrorGood();
  }

  [[nodiscard]] BootResult Boot() const { return test::Boot({.disks = {disk.path()}}); }
};

constexpr BootState kTrialOfB{.good = SlotId::kA,
                              .trial = Trial{.slot = SlotId::kB, .tries_left = 3}};

}  // namespace

TEST_CASE("syslinux boots what NextBoot says: every boot state", "[bootloader][qemu]") {
  const TempDirectory scratch("ros-syslinux-test");
  const SyslinuxDisk whole(scratch.path() / "whole", BuildSyslinuxParts());
  int number = 0;
  for (const auto& loadable : kEveryLoadable) {
    const auto disk = DiskWith(scratch.path() / std::to_string(number++), whole, loadable);
    for (const auto& state : EveryState()) {
      SyslinuxStore store(disk.Places());
      store.Store(state);
      store.MirrorGood();
      CompareOneBoot(disk, loadable);
    }
  }
}

TEST_CASE("syslinux boots what NextBoot says: damaged boot state", "[bootloader][qemu]") {
  const Fixture fixture;
  const auto places = fixture.disk.Places();
  for (const auto& state : {BootState{.good = SlotId::kB}, kTrialOfB}) {
    SyslinuxStore store(places);
    store.Store(state);
    store.MirrorGood();
    Spoil(places.default_cfg);
    CompareOneBoot(fixture.disk, {.a = true, .b = true});
    Spoil(places.adv);
    CompareOneBoot(fixture.disk, {.a = true, .b = true});
    Spoil(places.default2_cfg);
    Spoil(places.adv2);
    CompareOneBoot(fixture.disk, {.a = true, .b = true});
  }
}

TEST_CASE("syslinux: one damaged copy of the ADV is as none", "[bootloader][qemu]") {
  Fixture fixture;
  fixture.Store(kTrialOfB);
  Spoil(fixture.disk.Places().adv);
  CompareOneBoot(fixture.disk, {.a = true, .b = true});
  fixture.Store(kTrialOfB);
  Spoil(fixture.disk.Places().adv2);
  CompareOneBoot(fixture.disk, {.a = true, .b = true});
  // The loader has written both.
  CHECK(fixture.store.Load().first.state->trial->started);
}

TEST_CASE("syslinux: a default.cfg with another label, or none, ends in the good slot",
          "[bootloader][qemu]") {
  Fixture fixture;
  fixture.Store({.good = SlotId::kB});
  const auto file = fixture.disk.Places().default_cfg;
  for (const std::string text : {"DEFAULT q\n", "DEFAULT\n", "\n", "PROMPT 1\nDEFAULT a-b\n"}) {
    file.Write(0, std::vector(512, std::byte{'#'}));
    file.Write(0, AsBytes(text));
    INFO(text);
    CHECK(fixture.Boot().kernel == "disk b");
  }
  fixture.disk.Put("/syslinux/default.cfg", "");
  CHECK(fixture.Boot().kernel == "disk b");
  fixture.disk.Remove("/syslinux/default.cfg");
  CHECK(fixture.Boot().kernel == "disk b");
}

TEST_CASE("syslinux: a trial that does not load falls to the good slot in the same boot",
          "[bootloader][qemu]") {
  const Fixture whole;
  const std::string garbage(2000, 'x');
  const auto files = WholeSlot(SlotId::kB, "disk b");

  const struct {
    const char* what;
    const char* path;
    std::string content;
  } damages[] = {
      {"a kernel without a header", "/b/kernel", garbage},
      {"a kernel cut short", "/b/kernel", files.at("kernel").substr(0, 0x210)},
      {"an empty initrd", "/b/initrd", ""},
      {"an empty entry", "/b/syslinux.cfg", ""},
      {"a garbage entry", "/b/syslinux.cfg", garbage},
  };

  int number = 0;
  for (const auto& damage : damages) {
    INFO(damage.what);
    const SyslinuxDisk disk(whole.scratch.path() / std::to_string(number++), whole.disk);
    disk.Put(damage.path, damage.content);
    SyslinuxStore(disk.Places()).Store(kTrialOfB);
    const auto boot = Boot({.disks = {disk.path()}});
    INFO(boot.log);
    CHECK(boot.kernel == "disk a");
    CHECK(boot.Argument("ros.fell") == "b");
    CHECK_FALSE(boot.Argument("ros.trial"));
  }
}

TEST_CASE("syslinux: a trial that arms itself again has its tries one by one",
          "[bootloader][qemu]") {
  Fixture fixture;
  fixture.Store(kTrialOfB);
  for (const char* left : {"2", "1", "0"}) {
    const auto boot = fixture.Boot();
    CHECK(boot.kernel == "disk b");
    REQUIRE(boot.Argument("ros.trial") == left);
    CHECK(ArmNextTry(fixture.store, SlotId::kB, std::stoi(left)) == (*left != '0'));
  }
  CHECK(fixture.Boot().kernel == "disk a");
}

}  // namespace ros::bootloader::test
