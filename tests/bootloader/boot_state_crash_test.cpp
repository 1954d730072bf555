// The power is cut at each write of an upgrade, its commit and a rollback by hand, and after that
// the first copy of the boot state, or both, are damaged too. What is left must boot a slot that is
// whole.
#include <catch2/catch.hpp>
#include <functional>

#include "bootloader/boot_state_store.hpp"
#include "bootloader/grub_environment.hpp"
#include "bootloader/syslinux_adv.hpp"
#include "bootloader/syslinux_store.hpp"
#include "tests/support/crashing_device.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::bootloader {
namespace {

using ros::testing::CrashingDevice;
using ros::testing::MemoryDisk;
using ros::testing::PowerCut;
using ros::testing::PowerSupply;

constexpr Bytes kDiskSize = 65536;
constexpr Bytes kFirst = 8192;
constexpr Bytes kSecond = 16384;
constexpr Bytes kAdv = 24576 - 512;
constexpr Bytes kAdv2 = 24576;
// Stands for the target's files: one byte, whole or not.
constexpr Bytes kFilesOfB = 32768;
constexpr std::byte kWhole{1};
constexpr std::byte kIncomplete{0};
constexpr SlotHistory kSound{.was_good = true, .complete = true, .verity_sound = true};

// A boot loader's store on the disk, and its places there.
struct Loader {
  TryCounting counting;
  std::unique_ptr<BootStateStore> (*open)(const std::shared_ptr<BlockDevice>& device);
  void (*format)(BlockDevice& disk);
  std::vector<Bytes> copies_of_state;  // damaged one after the other; without all there is none
  std::uint64_t writes;                // of UpgradeCommitAndRollBack
};

const Loader kGrub = {
    .counting = TryCounting::kCountsDown,
    .open = [](const std::shared_ptr<BlockDevice>& device) -> std::unique_ptr<BootStateStore> {
      return std::make_unique<GrubStore>(Region(device, kFirst, kGrubEnvironmentSize),
                                         Region(device, kSecond, kGrubEnvironmentSize));
    },
    .format =
        [](BlockDevice& disk) {
          disk.Write(kFirst, AsBytes(FormatGrubEnvironment({.good = SlotId::kA})));
          disk.Write(kSecond, AsBytes(FormatGrubEnvironment({.good = SlotId::kA})));
        },
    .copies_of_state = {kFirst, kSecond},
    .writes = 8};

const Loader kSyslinux = {
    .counting = TryCounting::kOneShot,
    .open = [](const std::shared_ptr<BlockDevice>& device) -> std::unique_ptr<BootStateStore> {
      return std::make_unique<SyslinuxStore>(
          SyslinuxPlaces{.default_cfg = Region(device, kFirst, kSyslinuxDefaultSize),
                         .default2_cfg = Region(device, kSecond, kSyslinuxDefaultSize),
                         .adv = Region(device, kAdv, kAdvSize),
                         .adv2 = Region(device, kAdv2, kAdvSize)});
    },
    .format =
        [](BlockDevice& disk) {
          disk.Write(kFirst, AsBytes(FormatSyslinuxDefault(SlotId::kA)));
          disk.Write(kSecond, AsBytes(FormatSyslinuxDefault2(SlotId::kA)));
          disk.Write(kAdv, AsBytes(FormatAdv({}) + FormatAdv({})));
        },
    .copies_of_state = {kFirst, kAdv, kAdv2, kSecond},
    .writes = 14};

std::shared_ptr<BlockDevice> FreshDisk(const Loader& loader) {
  auto disk = std::make_shared<MemoryDisk>(kDiskSize);
  loader.format(*disk);
  disk->Write(kFilesOfB, std::vector(512, kWhole));
  return disk;
}

void MarkFilesOfB(BlockDevice& device, std::byte mark) {
  device.Write(kFilesOfB, std::vector(512, mark));
  device.Sync();
}

BootState Now(const BootStateStore& store) {
  return store.Load().state().value();
}

// Section by section what an upgrade does to the boot state, with the boot loader in between.
void UpgradeCommitAndRollBack(const Loader& loader, const std::shared_ptr<BlockDevice>& device) {
  const auto store = loader.open(device);
  store->MirrorGood();
  MarkFilesOfB(*device, kIncomplete);
  MarkFilesOfB(*device, kWhole);
  store->Store(StartTrial(Now(*store), SlotId::kA, SlotId::kB, 2));
  const auto next = NextBoot(Now(*store), {.a = true, .b = true}, loader.counting);
  store->Store(next.after.value());
  if (loader.counting == TryCounting::kOneShot) {
    ArmNextTry(*store, SlotId::kB, next.trial_tries_left.value());
  }
  store->Store(Commit(Now(*store), SlotId::kB));
  store->MirrorGood();
  store->Store(Rollback(Now(*store), SlotId::kA, kSound));
  store->MirrorGood();
}

LoadableSlots Loadable(const BlockDevice& disk) {
  std::byte mark{};
  disk.Read(kFilesOfB, {&mark, 1});
  return {.a = true, .b = mark == kWhole};
}

void CheckBoots(const Loader& loader,
                BlockDevice& disk,
                const std::function<void(const LoadedState&)>& check) {
  const auto shared = std::shared_ptr<BlockDevice>(&disk, [](BlockDevice*) {});
  const auto loaded = loader.open(shared)->Load();
  const auto loadable = Loadable(disk);
  const auto next = NextBoot(loaded.state(), loadable, loader.counting);
  REQUIRE(next.slot.has_value());
  CHECK(Has(loadable, *next.slot));
  check(loaded);
}

void Spoil(BlockDevice& disk, Bytes place) {
  disk.Write(place, std::vector(512, std::byte{0xcc}));
}

void CheckEveryCut(const Loader& loader) {
  const auto writes = ros::testing::CountWrites([&](PowerSupply& power) {
    UpgradeCommitAndRollBack(loader, std::make_shared<CrashingDevice>(FreshDisk(loader), power));
  });
  REQUIRE(writes == loader.writes);
  for (const auto& cut : ros::testing::AllCuts(writes)) {
    const auto disk = FreshDisk(loader);
    PowerSupply power(cut);
    const auto device = std::make_shared<CrashingDevice>(disk, power);
    REQUIRE_THROWS_AS(UpgradeCommitAndRollBack(loader, device), PowerCut);
    const auto loadable = Loadable(*disk);
    CheckBoots(loader, *disk, [&](const LoadedState& loaded) {
      CHECK(loaded.first.sound());
      CHECK(loaded.second.sound());
      // Neither copy ever names a slot that is not whole.
      CHECK(Has(loadable, loaded.first.state->good));
      CHECK(Has(loadable, loaded.second.state->good));
    });
    for (const auto copy : loader.copies_of_state) {
      Spoil(*disk, copy);
      const bool last = copy == loader.copies_of_state.back();
      CheckBoots(loader, *disk, [&](const LoadedState& loaded) {
        CHECK(loaded.state().has_value() == !last);
      });
    }
  }
}

}  // namespace

TEST_CASE("Boot state of GRUB: a whole slot boots after every power cut", "[bootloader][crash]") {
  CheckEveryCut(kGrub);
}

TEST_CASE("Boot state of syslinux: a whole slot boots after every power cut",
          "[bootloader][crash]") {
  CheckEveryCut(kSyslinux);
}

}  // namespace ros::bootloader
