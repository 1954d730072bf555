// The power is cut at each write of an upgrade, its commit and a rollback by hand, and after that
// the first copy of the boot state, or both, are damaged too. What is left must boot a slot that is
// whole.
#include <catch2/catch.hpp>
#include <functional>

#include "bootloader/boot_state_store.hpp"
#include "bootloader/grub_environment.hpp"
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
// Stands for the target's files: one byte, whole or not.
constexpr Bytes kFilesOfB = 32768;
constexpr std::byte kWhole{1};
constexpr std::byte kIncomplete{0};
constexpr SlotHistory kSound{.was_good = true, .complete = true, .verity_sound = true};

GrubStore StoreOn(const std::shared_ptr<BlockDevice>& device) {
  return {Region(device, kFirst, kGrubEnvironmentSize),
          Region(device, kSecond, kGrubEnvironmentSize)};
}

std::shared_ptr<BlockDevice> FreshDisk() {
  auto disk = std::make_shared<MemoryDisk>(kDiskSize);
  disk->Write(kFirst, AsBytes(FormatGrubEnvironment({.good = SlotId::kA})));
  disk->Write(kSecond, AsBytes(FormatGrubEnvironment({.good = SlotId::kA})));
  disk->Write(kFilesOfB, std::vector(512, kWhole));
  return disk;
}

void MarkFilesOfB(BlockDevice& device, std::byte mark) {
  device.Write(kFilesOfB, std::vector(512, mark));
  device.Sync();
}

BootState Now(const GrubStore& store) {
  return store.Load().state().value();
}

// Section by section what an upgrade does to the boot state, with the boot loader in between.
void UpgradeCommitAndRollBack(const std::shared_ptr<BlockDevice>& device) {
  auto store = StoreOn(device);
  store.MirrorGood();
  MarkFilesOfB(*device, kIncomplete);
  MarkFilesOfB(*device, kWhole);
  store.Store(StartTrial(Now(store), SlotId::kA, SlotId::kB, 1));
  store.Store(NextBoot(Now(store), {.a = true, .b = true}).after.value());
  store.Store(Commit(Now(store), SlotId::kB));
  store.MirrorGood();
  store.Store(Rollback(Now(store), SlotId::kA, kSound));
  store.MirrorGood();
}

LoadableSlots Loadable(const BlockDevice& disk) {
  std::byte mark{};
  disk.Read(kFilesOfB, {&mark, 1});
  return {.a = true, .b = mark == kWhole};
}

void CheckBoots(BlockDevice& disk, const std::function<void(const LoadedState&)>& check) {
  const auto shared = std::shared_ptr<BlockDevice>(&disk, [](BlockDevice*) {});
  const auto loaded = StoreOn(shared).Load();
  const auto loadable = Loadable(disk);
  const auto next = NextBoot(loaded.state(), loadable);
  REQUIRE(next.slot.has_value());
  CHECK(Has(loadable, *next.slot));
  check(loaded);
}

void Spoil(BlockDevice& disk, Bytes place) {
  disk.Write(place, std::vector(512, std::byte{0xcc}));
}

}  // namespace

TEST_CASE("Boot state: a whole slot boots after every power cut", "[bootloader][crash]") {
  const auto writes = ros::testing::CountWrites([](PowerSupply& power) {
    UpgradeCommitAndRollBack(std::make_shared<CrashingDevice>(FreshDisk(), power));
  });
  REQUIRE(writes == 8);
  for (const auto& cut : ros::testing::AllCuts(writes)) {
    const auto disk = FreshDisk();
    PowerSupply power(cut);
    const auto device = std::make_shared<CrashingDevice>(disk, power);
    REQUIRE_THROWS_AS(UpgradeCommitAndRollBack(device), PowerCut);
    const auto loadable = Loadable(*disk);
    CheckBoots(*disk, [&](const LoadedState& loaded) {
      CHECK(loaded.first.sound());
      CHECK(loaded.second.sound());
      // Neither copy ever names a slot that is not whole.
      CHECK(Has(loadable, loaded.first.state->good));
      CHECK(Has(loadable, loaded.second.state->good));
    });
    Spoil(*disk, kFirst);
    CheckBoots(*disk, [](const LoadedState& loaded) { CHECK(loaded.state().has_value()); });
    Spoil(*disk, kSecond);
    CheckBoots(*disk, [](const LoadedState& loaded) { CHECK_FALSE(loaded.state().has_value()); });
  }
}

}  // namespace ros::bootloader
