#include "bootloader/syslinux_store.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/error.hpp"
#include "bootloader/syslinux_adv.hpp"
#include "tests/support/crashing_device.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::bootloader {
namespace {

constexpr Bytes kDefault = 4096;
constexpr Bytes kDefault2 = 8192;
constexpr Bytes kAdv = 16384 - 512;
constexpr Bytes kAdv2 = 16384;

constexpr BootState kTrialOfB{.good = SlotId::kA,
                              .trial = Trial{.slot = SlotId::kB, .tries_left = 3}};

struct Fixture {
  std::shared_ptr<ros::testing::MemoryDisk> disk =
      std::make_shared<ros::testing::MemoryDisk>(65536);
  ros::testing::PowerSupply power;
  std::shared_ptr<BlockDevice> device = std::make_shared<ros::testing::CrashingDevice>(disk, power);
  SyslinuxStore store{{.default_cfg = Region(device, kDefault, 512),
                       .default2_cfg = Region(device, kDefault2, 512),
                       .adv = Region(device, kAdv, 512),
                       .adv2 = Region(device, kAdv2, 512)}};

  Fixture() {
    disk->Write(kDefault, AsBytes(FormatSyslinuxDefault(SlotId::kA)));
    disk->Write(kDefault2, AsBytes(FormatSyslinuxDefault2(SlotId::kA)));
    disk->Write(kAdv, AsBytes(FormatAdv({})));
    disk->Write(kAdv2, AsBytes(FormatAdv({})));
  }

  void Spoil(Bytes place) const { disk->Write(place, std::vector(512, std::byte{0xcc})); }

  [[nodiscard]] AdvTags Tags(Bytes place) const {
    std::vector<std::byte> sector(512);
    disk->Read(place, sector);
    return ParseAdv(sector);
  }

  // As syslinux does before it loads a trial.
  void TakeTry() const {
    auto tags = Tags(kAdv);
    tags.erase(kAdvBootOnce);
    disk->Write(kAdv, AsBytes(FormatAdv(tags)));
    disk->Write(kAdv2, AsBytes(FormatAdv(tags)));
  }

  // Places that were written, in their order; 0 for a sync.
  [[nodiscard]] std::vector<Bytes> Written() const {
    std::vector<Bytes> places;
    for (const auto& event : power.events()) {
      CHECK((event.length == 0 || event.length == 512));
      places.push_back(event.length == 0 ? 0 : event.offset);
    }
    return places;
  }
};

}  // namespace

TEST_CASE("SyslinuxStore: a new disk", "[bootloader]") {
  const Fixture fixture;
  const auto loaded = fixture.store.Load();
  CHECK(loaded.first.state == BootState{.good = SlotId::kA});
  CHECK(loaded.second.state == BootState{.good = SlotId::kA});
}

TEST_CASE("SyslinuxStore: a trial is the one-shot and our tag, in both copies", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store(kTrialOfB);
  CHECK(fixture.Written() == std::vector<Bytes>{kAdv, 0, kAdv2, 0});
  const AdvTags tags = {{kAdvBootOnce, "b ros.trial=2"}, {kAdvRosState, "a,b,3,0"}};
  CHECK(fixture.Tags(kAdv) == tags);
  CHECK(fixture.Tags(kAdv2) == tags);
  CHECK(fixture.store.Load().state() == kTrialOfB);
  fixture.store.Store(kTrialOfB);
  CHECK(fixture.Written().size() == 4);
}

TEST_CASE("SyslinuxStore: a one-shot that is gone was a try, and the last one", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store(kTrialOfB);
  fixture.TakeTry();
  const BootState started{.good = SlotId::kA,
                          .trial = Trial{.slot = SlotId::kB, .tries_left = 0, .started = true}};
  CHECK(fixture.store.Load().state() == started);
  CHECK(NextBoot(kTrialOfB, {.a = true, .b = true}, TryCounting::kOneShot).after == started);
}

TEST_CASE("ArmNextTry: for the trial that runs, as often as it has tries", "[bootloader]") {
  Fixture fixture;
  CHECK_FALSE(ArmNextTry(fixture.store, SlotId::kB, 2));
  fixture.store.Store(kTrialOfB);
  fixture.TakeTry();
  CHECK_FALSE(ArmNextTry(fixture.store, SlotId::kA, 2));
  CHECK_FALSE(ArmNextTry(fixture.store, SlotId::kB, 0));
  CHECK(ArmNextTry(fixture.store, SlotId::kB, 2));
  CHECK(fixture.Tags(kAdv).at(kAdvBootOnce) == "b ros.trial=1");
  CHECK(fixture.store.Load().state()->trial ==
        Trial{.slot = SlotId::kB, .tries_left = 2, .started = true});
  // A hostile command line asks for more than there can be.
  CHECK(ArmNextTry(fixture.store, SlotId::kB, 1000));
  CHECK(fixture.store.Load().state()->trial->tries_left == kMaximumTries);
  fixture.store.Store({.good = SlotId::kB});
  CHECK_FALSE(ArmNextTry(fixture.store, SlotId::kB, 2));
}

TEST_CASE("SyslinuxStore: a commit is default.cfg's sector, before all others", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store(kTrialOfB);
  fixture.TakeTry();
  const auto before = fixture.Written().size();
  fixture.store.Store({.good = SlotId::kB});
  auto written = fixture.Written();
  written.erase(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(before));
  CHECK(written == std::vector<Bytes>{kDefault, 0, kAdv, 0, kAdv2, 0});
  CHECK(fixture.Tags(kAdv).empty());
}

TEST_CASE("SyslinuxStore: the trial of a slot that is good is what a commit left", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store(kTrialOfB);
  fixture.disk->Write(kDefault, AsBytes(FormatSyslinuxDefault(SlotId::kB)));
  CHECK(fixture.store.Load().state() == BootState{.good = SlotId::kB});
}

TEST_CASE("SyslinuxStore: MirrorGood follows default.cfg and the sound ADV", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store({.good = SlotId::kB});
  CHECK(fixture.store.Load().second.state->good == SlotId::kA);
  fixture.store.MirrorGood();
  CHECK(fixture.store.Load().second.state->good == SlotId::kB);

  const BootState trial{.good = SlotId::kB, .trial = Trial{.slot = SlotId::kA, .tries_left = 1}};
  fixture.store.Store(trial);
  for (const auto place : {kAdv, kAdv2}) {
    fixture.Spoil(place);
    CHECK(fixture.store.Load().state() == trial);
    fixture.store.MirrorGood();
    CHECK(fixture.Tags(place).at(kAdvRosState) == "b,a,1,0");
  }
  fixture.Spoil(kAdv);
  fixture.Spoil(kAdv2);
  CHECK(fixture.store.Load().state() == BootState{.good = SlotId::kB});
  fixture.store.MirrorGood();
  CHECK(fixture.Tags(kAdv).empty());
  CHECK(fixture.Tags(kAdv2).empty());
}

TEST_CASE("SyslinuxStore: a damaged default.cfg", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store(kTrialOfB);
  fixture.Spoil(kDefault);
  const auto loaded = fixture.store.Load();
  CHECK_FALSE(loaded.first.sound());
  CHECK(loaded.first.damage == "it does not name slot a or b as ros writes it");
  CHECK(loaded.state() == kTrialOfB);
  CHECK_THROWS_WITH(fixture.store.MirrorGood(), Catch::Contains("the boot state is damaged"));
  // With the second copy gone too, the trial's tag tells which slot was good.
  fixture.Spoil(kDefault2);
  CHECK(fixture.store.Load().state() == kTrialOfB);
  fixture.store.Store({.good = SlotId::kA});
  CHECK(fixture.store.Load().first.sound());
  fixture.Spoil(kDefault);
  CHECK(fixture.store.Load().state() == std::nullopt);
}

TEST_CASE("SyslinuxStore: our tag is read as ros writes it and no other way", "[bootloader]") {
  const Fixture fixture;
  for (const auto* text : {"a,a,1,0", "a,b,10,0", "a,b,1,2", "a,b,1", "b", "a,b,-1,0", "c,b,1,0"}) {
    const auto adv = FormatAdv({{kAdvBootOnce, "b"}, {kAdvRosState, text}});
    fixture.disk->Write(kAdv, AsBytes(adv));
    CHECK(fixture.store.Load().state() == BootState{.good = SlotId::kA});
  }
}

TEST_CASE("SyslinuxStore: refuses a region that is too short", "[bootloader]") {
  const auto disk = std::make_shared<ros::testing::MemoryDisk>(65536);
  const Region whole(disk, 0, 512);
  CHECK_THROWS_WITH(SyslinuxStore({.default_cfg = whole,
                                   .default2_cfg = whole,
                                   .adv = Region(disk, 0, 511),
                                   .adv2 = whole}),
                    "the ADV has 511 bytes and must have 512");
}

}  // namespace ros::bootloader
