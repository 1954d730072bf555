// Power cuts at every write of what moves the good slot without writing one: commit, failure and
// rollback. (What is written to files of the state partition besides is replaced whole or appended,
// and made up for at the next boot: gate_test.cpp.)
#include <catch2/catch.hpp>

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
  const RollbackFacts facts{.state = {.good = SlotId::kB},
                            .running = SlotId::kB,
                            .leaving = {.slot = SlotId::kB, .complete = true},
                            .target = {.slot = SlotId::kA, .complete = true},
                            .was_good = true,
                            .verity_sound = true};
  const auto plan = PlanRollback(facts, {});
  const auto roll_back = [&](bootloader::BootStateStore& store) {
    ApplyRollback(plan, {.store = store, .state = story.state.path(), .clock = story.clock});
  };
  CutEverywhere(story, roll_back, {"1", "2"});
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  roll_back(*story.StoreOn(overlay));
  CHECK(WhatBoots(overlay, story.installed.layout).version == "1");
}

}  // namespace ros::installer
