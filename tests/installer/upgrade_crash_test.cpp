// Power cuts at every write of an upgrade.
#include <catch2/catch.hpp>

#include "base/process.hpp"
#include "installer/upgrade.hpp"
#include "installer/verified_slots.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/overlay_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using partitions::PartitionRole;

// An installed disk with version 1, and the plan of an upgrade to version 2.
struct Story {
  bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub;
  ImageShelf shelf{loader};
  SmallImage v1 = shelf.Make("1");
  SmallImage v2 = shelf.Make("2");
  TempDirectory state{"ros-test"};
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(kSmallDisk);
  InstallPlan installed = InstallOn(disk, disk->name(), shelf, v1, loader);
  Machine machine = {.disk = partitions::OpenRosDisk(disk->name()),
                     .state = state.path(),
                     .running = health::BootArguments{.slot = SlotId::kA}};

  [[nodiscard]] Region Part(const std::shared_ptr<BlockDevice>& device, PartitionRole role) const {
    const auto& part = installed.layout.Get(role);
    return {device, part.offset, part.length};
  }

  // As an installation leaves it.
  void FillMemory(const std::filesystem::path& memory) const {
    RememberVerifiedSlot(memory, SlotId::kA, VerifiedSlotOf(v1.image));
  }

  [[nodiscard]] UpgradePlan Plan() const {
    NoProgress progress;
    return PlanUpgrade(InspectUpgrade(machine, *v2.source, v2.image, "", progress),
                       {.after = AfterWriting::kArm});
  }

  // Runs the plan on `device`; false when the power went.
  bool Run(const UpgradePlan& plan, const std::shared_ptr<BlockDevice>& device) const {
    return Run(plan, device, state.path());
  }

  bool Run(const UpgradePlan& plan,
           const std::shared_ptr<BlockDevice>& device,
           const std::filesystem::path& memory) const {
    NoProgress progress;
    const SystemClock clock;
    const auto open = [&](PartitionRole role, DeviceAccess /*access*/) {
      return Part(device, role);
    };
    try {
      ApplyUpgrade(plan,
                   {.source = *v2.source,
                    .image = v2.image,
                    .open = open,
                    .state = memory,
                    .clock = clock,
                    .progress = progress,
                    .reboot = [] {}});
      return true;
    } catch (const PowerCut&) {
      return false;
    }
  }
};

// Which policy is in force follows from the boot state and what was recorded before the slot could
// boot: a slot that is complete has its record, and until the commit the good slot's policy counts.
void CheckPolicy(const Story& story,
                 const std::filesystem::path& memory,
                 const std::shared_ptr<BlockDevice>& disk) {
  REQUIRE(PolicyInForce(memory, disk, story.installed.layout) == ImageShelf::PolicyName("1"));
  const auto boot = partitions::FatVolume::Open(story.Part(disk, PartitionRole::kBoot));
  if (ReadSlotContent(boot, SlotId::kB).complete) {
    REQUIRE(ReadVerifiedSlots(memory).at(SlotId::kB) == VerifiedSlotOf(story.v2.image));
  }
}

}  // namespace

TEST_CASE("InspectUpgrade: a slot that was committed in this boot is good", "[crash]") {
  Story story;
  REQUIRE(story.Run(story.Plan(), story.disk));
  const auto store = OpenBootState(OpenBootVolume(story.machine, DeviceAccess::kWrite));
  auto state = store->Load().state().value();
  state.trial->started = true;
  store->Store(bootloader::Commit(state, SlotId::kB));
  // The kernel's command line is that of the trial, until the next boot.
  story.machine.running = health::BootArguments{.slot = SlotId::kB, .trial = 2};
  const auto v3 = story.shelf.Make("3");
  NoProgress progress;
  const auto plan =
      PlanUpgrade(InspectUpgrade(story.machine, *v3.source, v3.image, "", progress), {});
  CHECK(plan.target == SlotId::kA);
  CHECK_FALSE(plan.steps.empty());
}

TEST_CASE("ApplyUpgrade: a boot partition that fsck.vfat -a cut short is mended and written",
          "[crash]") {
  const Story story;
  const auto& boot = story.installed.layout.Get(PartitionRole::kBoot);
  MemoryDisk partition(boot.length);
  std::vector<std::byte> bytes(boot.length);
  story.disk->Read(boot.offset, bytes);
  partition.Write(0, bytes);
  static_cast<void>(RunProcess({.argv = {"fsck.vfat", "-a", partition.name()}}));
  partition.Read(0, bytes);
  story.disk->Write(boot.offset, bytes);
  REQUIRE(OpenBootVolume(story.machine, DeviceAccess::kRead).Find("/B/KERNEL").allocated == 0);

  const auto plan = story.Plan();
  CHECK(std::holds_alternative<RepairBootPartition>(plan.steps.front()));
  REQUIRE(story.Run(plan, story.disk));
  const auto outcome = WhatBoots(story.disk, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
  CHECK(outcome.trial);
}

TEST_CASE("ApplyUpgrade: ends with a complete trial of the new version", "[crash]") {
  const Story story;
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  CHECK(WhatBoots(overlay, story.installed.layout).version == "1");
  REQUIRE(story.Run(story.Plan(), overlay));
  const auto outcome = WhatBoots(overlay, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
  CHECK(outcome.trial);
}

TEST_CASE("InspectUpgrade: a target whose kernel was damaged is written anew", "[crash]") {
  const Story story;
  REQUIRE(story.Run(story.Plan(), story.disk));
  const auto boot = OpenBootVolume(story.machine, DeviceAccess::kWrite);
  OpenBootState(boot)->Store({.good = SlotId::kA});  // As after a failed trial.
  const auto writes_root = [&] {
    const auto plan = story.Plan();
    return std::any_of(plan.steps.begin(), plan.steps.end(), [](const auto& step) {
      return std::holds_alternative<WriteSlotRoot>(step);
    });
  };
  CHECK_FALSE(writes_root());
  boot.Find("/B/KERNEL").data.Write(100, AsBytes("damage"));
  CHECK(writes_root());
  CHECK_FALSE(BootFilesAreSound(boot, SlotId::kB));
  CHECK(BootFilesAreSound(boot, SlotId::kA));
}

TEST_CASE("ApplyUpgrade: after a cut at any write a whole slot boots, and the upgrade goes on",
          "[crash]") {
  using bootloader::LoaderKind;
  const Story story{GENERATE(LoaderKind::kGrub, LoaderKind::kSyslinux, LoaderKind::kGrubUki)};
  INFO(Name(story.loader));
  const auto plan = story.Plan();
  const auto writes = CountWrites([&](PowerSupply& power) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    story.Run(plan, std::make_shared<CrashingDevice>(overlay, power));
  });
  REQUIRE(writes >= 10);  // Of a unified kernel: it has two files less.
  // The ADV's first copy is what syslinux goes by; the second comes after it.
  const auto decides = story.loader == bootloader::LoaderKind::kSyslinux ? writes - 1 : writes;
  for (const auto& cut : AllCuts(writes)) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    PowerSupply power(cut);
    const TempDirectory memory("ros-test");
    story.FillMemory(memory.path());
    const bool finished =
        story.Run(plan, std::make_shared<CrashingDevice>(overlay, power), memory.path());
    INFO("cut at write " << cut.write << " of " << writes << ", moment "
                         << static_cast<int>(cut.moment) << ", unsynced "
                         << static_cast<int>(cut.unsynced));
    REQUIRE_FALSE(finished);
    const auto outcome = WhatBoots(overlay, story.installed.layout);
    INFO("boots version " << outcome.version << ": " << outcome.fault);
    REQUIRE(outcome.slot);
    REQUIRE(outcome.fault.empty());
    REQUIRE(outcome.version == (outcome.trial ? "2" : "1"));
    CheckPolicy(story, memory.path(), overlay);
    if (outcome.trial) {
      REQUIRE(cut.write >= decides);
    } else {
      REQUIRE(story.Run(plan, overlay, memory.path()));
      const auto again = WhatBoots(overlay, story.installed.layout);
      REQUIRE(again.version == "2");
      REQUIRE(again.fault.empty());
    }
  }
}

}  // namespace ros::installer
