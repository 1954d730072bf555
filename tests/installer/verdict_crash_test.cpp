// Power cuts at every write of what moves the good slot without writing one: commit, failure and
// rollback. (What is written to files of the state partition besides is replaced whole or appended,
// and made up for at the next boot: gate_test.cpp.)
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "health/bad_list.hpp"
#include "installer/rollback.hpp"
#include "installer/trial.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/overlay_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using bootloader::BootState;
using bootloader::LoaderKind;
using bootloader::Trial;

// Runs `work` once for every cut; after each the disk boots one of `versions`, whole.
void CutEverywhere(const UpgradedDisk& story,
                   const std::function<void(bootloader::BootStateStore&)>& work,
                   const std::vector<std::string>& versions) {
  const auto writes = CountWrites([&](PowerSupply& power) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    work(*story.StoreOn(std::make_shared<CrashingDevice>(overlay, power)));
  });
  REQUIRE(writes >= 1);
  for (const auto& cut : AllCuts(writes)) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    PowerSupply power(cut);
    INFO("cut at write " << cut.write << " of " << writes << ", moment "
                         << static_cast<int>(cut.moment) << ", unsynced "
                         << static_cast<int>(cut.unsynced));
    const auto store = story.StoreOn(std::make_shared<CrashingDevice>(overlay, power));
    REQUIRE_THROWS_AS(work(*store), PowerCut);
    const auto outcome = WhatBoots(overlay, story.installed.layout);
    INFO("boots version " << outcome.version << ": " << outcome.fault);
    REQUIRE(outcome.fault.empty());
    REQUIRE(std::ranges::find(versions, outcome.version) != versions.end());
    // A trial is judged by the policy of the slot that is good; what is good by its own.
    const auto loaded = story.StoreOn(overlay)->Load();
    const bool first_is_good = loaded.StateOr(SlotId::kA).good == SlotId::kA;
    REQUIRE(PolicyInForce(story.state.path(), overlay, story.installed.layout) ==
            ImageShelf::PolicyName(first_is_good ? "1" : "2"));
  }
}

// Both slots are good, and b is to be left.
RollbackFacts ReturnFromB() {
  return {.state = {.good = SlotId::kB},
          .running = SlotId::kB,
          .leaving = {.slot = SlotId::kB, .complete = true, .digest = "sha256:b"},
          .target = {.slot = SlotId::kA, .complete = true},
          .was_good = true,
          .verity_sound = true};
}

// A disk that takes no write any more.
class ReadOnlyStore final : public bootloader::BootStateStore {
 public:
  [[nodiscard]] bootloader::LoadedState Load() const override { return {}; }

  void Store(const BootState& /*state*/) override { throw Error(ErrorKind::kFailed, "read-only"); }

  void MirrorGood() override { throw Error(ErrorKind::kFailed, "read-only"); }
};

constexpr BootState kRunningTrial = {SlotId::kA, Trial{SlotId::kB, 2, true}};

}  // namespace

TEST_CASE("CommitTrial: cut at any write, the trial goes on or is good", "[crash]") {
  const auto loader = GENERATE(LoaderKind::kGrub, LoaderKind::kSyslinux);
  const UpgradedDisk story(AfterWriting::kStage, kRunningTrial, loader);
  const auto commit = [&](bootloader::BootStateStore& store) {
    const auto troubles = CommitTrial(
        {.store = store,
         .state = story.state.path(),
         .clock = story.clock,
         .running = SlotId::kB,
         .image = {.slot = SlotId::kB, .version = "2", .digest = story.v2.digest(), .epoch = 7}});
    CHECK(troubles.empty());
  };
  CutEverywhere(story, commit, {"2"});
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  commit(*story.StoreOn(overlay));
  const auto loaded = story.StoreOn(overlay)->Load();
  CHECK(loaded.first.state == BootState{.good = SlotId::kB});
  CHECK(loaded.second.state == BootState{.good = SlotId::kB});
}

TEST_CASE("FailTrial: cut at any write, the next try or the good slot boots", "[crash]") {
  const auto loader = GENERATE(LoaderKind::kGrub, LoaderKind::kSyslinux);
  const UpgradedDisk story(AfterWriting::kStage, kRunningTrial, loader);
  CutEverywhere(story,
                [&](bootloader::BootStateStore& store) {
                  const auto troubles = FailTrial({.store = store,
                                                   .state = story.state.path(),
                                                   .clock = story.clock,
                                                   .running = SlotId::kB,
                                                   .image = {.slot = SlotId::kB, .version = "2"}},
                                                  {.reason = "web failed"});
                  CHECK(troubles.empty());
                },
                {"1", "2"});
}

TEST_CASE("ApplyRollback: cut at any write, one of the two good slots boots", "[crash]") {
  const UpgradedDisk story(AfterWriting::kStage, {.good = SlotId::kB});
  const auto plan = PlanRollback(ReturnFromB(), {});
  const auto roll_back = [&](bootloader::BootStateStore& store) {
    const auto troubles =
        ApplyRollback(plan, {.store = store, .state = story.state.path(), .clock = story.clock});
    CHECK(troubles.empty());
  };
  CutEverywhere(story, roll_back, {"1", "2"});
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  roll_back(*story.StoreOn(overlay));
  CHECK(WhatBoots(overlay, story.installed.layout).version == "1");
}

TEST_CASE("ApplyRollback: a state partition that takes nothing keeps nobody from going back",
          "[crash]") {
  const UpgradedDisk story(AfterWriting::kStage, {.good = SlotId::kB});
  const auto plan = PlanRollback(ReturnFromB(), {});
  const auto store = story.StoreOn(story.disk);
  const auto troubles = ApplyRollback(
      plan, {.store = *store, .state = story.state.path() / "none", .clock = story.clock});
  CHECK(troubles.size() == 2);
  CHECK(WhatBoots(story.disk, story.installed.layout).version == "1");
}

TEST_CASE("ApplyRollback: what stays good is not bad", "[crash]") {
  const UpgradedDisk story(AfterWriting::kStage, {.good = SlotId::kB});
  auto facts = ReturnFromB();
  facts.leaving.digest = story.v2.digest();
  ReadOnlyStore store;
  CHECK_THROWS_WITH(
      ApplyRollback(PlanRollback(facts, {}),
                    {.store = store, .state = story.state.path(), .clock = story.clock}),
      "read-only");
  CHECK_FALSE(health::FindBadImage(story.state.path(), story.v2.digest()));
}

TEST_CASE("InspectRollback: what runs may become good where the good slot cannot be started",
          "[crash]") {
  const UpgradedDisk story(AfterWriting::kStage, {.good = SlotId::kA});
  const Machine machine{
      .disk = partitions::OpenRosDisk(story.disk->name()),
      .state = story.state.path(),
      .running = health::BootArguments{.slot = SlotId::kB, .fell_from = SlotId::kA}};
  NoProgress progress;
  CHECK_THROWS_WITH(PlanRollback(InspectRollback(machine, progress), {}),
                    Catch::Contains("slot b has not been good"));
  const auto boot =
      partitions::FatVolume::Open(story.Part(story.disk, partitions::PartitionRole::kBoot));
  const std::string damage(4096, 'x');
  boot.Find("/a/KERNEL").data.Write(0, AsBytes(damage));
  CHECK(PlanRollback(InspectRollback(machine, progress), {}).after ==
        BootState{.good = SlotId::kB});
  // Not where somebody has chosen the slot.
  auto chosen = machine;
  chosen.running->fell_from.reset();
  CHECK_THROWS_WITH(PlanRollback(InspectRollback(chosen, progress), {}),
                    Catch::Contains("slot b has not been good"));
}

}  // namespace ros::installer
