// Power cuts at every write of a boot loader's upgrade.
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/process.hpp"
#include "bootloader/grub_config.hpp"
#include "installer/loader_facts.hpp"
#include "installer/upgrade.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/overlay_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using bootloader::GrubParts;
using partitions::PartitionRole;

constexpr Bytes kLimit = Bytes{4} << 20U;

// Every part differs from the real GRUB's, in length too.
GrubParts OtherGrub(int script_number) {
  auto parts = RealGrub();
  parts.version = "99.1";
  parts.boot_image[0x100] = '!';
  parts.core_image[5000] = static_cast<char>(parts.core_image[5000] + 1);
  parts.core_image += std::string(3000, 'c');
  parts.efi_image += std::string(5000, 'e');
  parts.script = "# ros-script " + std::to_string(script_number) + "\necho another\n";
  return parts;
}

// What a firmware would start, found out without the code under test.
enum class Loader { kOld, kNew, kBroken };

struct Started {
  Loader bios = Loader::kBroken;
  Loader uefi = Loader::kBroken;
  Loader entry = Loader::kBroken;  // by the firmware's boot entry
  Loader script = Loader::kBroken;
};

std::string ReadAt(const BlockDevice& disk, Bytes offset, Bytes length) {
  std::string text(length, '\0');
  disk.Read(offset, AsWritableBytes(text));
  return text;
}

// As a BIOS and boot.img do it: the sector named at 0x5c, which ends in a list of where the rest
// is.
bool BiosStarts(const BlockDevice& disk, const GrubParts& parts) {
  const auto first = ReadAt(disk, 0, 512);
  if (first.substr(0, 0x5c) != parts.boot_image.substr(0, 0x5c) ||
      first.substr(0x68, 0x1b8 - 0x68) != parts.boot_image.substr(0x68, 0x1b8 - 0x68) ||
      first.substr(0x1fe) != "\x55\xaa") {
    return false;
  }
  const Bytes core = LoadLe64(AsBytes(first), 0x5c) * 512;
  const auto head = ReadAt(disk, core, 512);
  const Bytes rest = LoadLe64(AsBytes(head), 0x1f4) * 512;
  const Bytes length = Bytes{LoadLe16(AsBytes(head), 0x1fc)} * 512;
  auto expected = parts.core_image;
  expected.resize(RoundUp(expected.size(), 512), '\0');
  return head.substr(0, 0x1f4) == expected.substr(0, 0x1f4) && rest == core + 512 &&
         length == expected.size() - 512 && ReadAt(disk, rest, length) == expected.substr(512);
}

// An installed disk with version 1 and the real GRUB, and an image with another one.
struct Story {
  GrubParts other;
  ImageShelf shelf;
  SmallImage v1 = shelf.Make("1");
  SmallImage v2;
  TempDirectory state;
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(kSmallDisk);
  InstallPlan installed = InstallOn(disk, disk->name(), shelf, v1);
  Machine machine = {.disk = partitions::OpenRosDisk(disk->name()),
                     .state = state.path(),
                     .running = health::BootArguments{.slot = SlotId::kA}};

  explicit Story(GrubParts parts = OtherGrub(7))
      : other(std::move(parts)), v2(shelf.Make("2", 0, other)) {}

  [[nodiscard]] UpgradePlan Plan(const SmallImage& image,
                                 LoaderWish wish = LoaderWish::kUpgrade) const {
    NoProgress progress;
    return PlanUpgrade(
        InspectUpgrade(machine, {.source = *image.source, .image = image.image}, {}, progress),
        {.after = AfterWriting::kArm, .loader = wish});
  }

  // The plan of v2 with the steps of the boot loader alone.
  [[nodiscard]] UpgradePlan LoaderPlan() const {
    auto plan = Plan(v2);
    std::erase_if(plan.steps, [](const UpgradeStep& step) {
      return !std::holds_alternative<ChangeLoader>(step);
    });
    REQUIRE(plan.steps.size() == 1);
    return plan;
  }

  // Runs the plan on `device`; false when the power went.
  bool Run(const UpgradePlan& plan,
           const SmallImage& image,
           const std::shared_ptr<BlockDevice>& device) const {
    NoProgress progress;
    const SystemClock clock;
    const auto open = [&](PartitionRole role, DeviceAccess /*access*/) {
      const auto& part = installed.layout.Get(role);
      return Region(device, part.offset, part.length);
    };
    try {
      ApplyUpgrade(plan,
                   {.source = *image.source,
                    .image = image.image,
                    .open = open,
                    .state = state.path(),
                    .clock = clock,
                    .progress = progress,
                    .reboot = [] {}});
      return true;
    } catch (const PowerCut&) {
      return false;
    }
  }

  [[nodiscard]] partitions::FatVolume Boot(const std::shared_ptr<BlockDevice>& device) const {
    const auto& part = installed.layout.Get(PartitionRole::kBoot);
    return partitions::FatVolume::Open(Region(device, part.offset, part.length));
  }

  [[nodiscard]] Started WhatStarts(const std::shared_ptr<BlockDevice>& device) const {
    const auto which = [](bool is_old, bool is_new) {
      return is_old ? Loader::kOld : is_new ? Loader::kNew : Loader::kBroken;
    };
    const auto boot = Boot(device);
    const auto script = boot.ReadContent("/GRUB/GRUB.CFG", kLimit);
    const auto says = [&](const std::string& directory, const GrubParts& parts) {
      return boot.ReadContent(directory + "/BOOTX64.EFI", kLimit) == parts.efi_image &&
             boot.ReadContent(directory + "/VERSION", kLimit)
                     .find("version " + parts.version + "\n") != std::string::npos;
    };
    const auto in = [&](const std::string& directory) {
      return which(says(directory, RealGrub()), says(directory, other));
    };
    return {.bios = which(BiosStarts(*device, RealGrub()), BiosStarts(*device, other)),
            .uefi = in("/EFI/BOOT"),
            .entry = in("/EFI/ROS"),
            .script = which(script == RealGrub().script, script == other.script)};
  }
};

// Each image has its own script or an older one.
bool ScriptRuns(const Started& started, bool other_is_newer) {
  const auto newer = other_is_newer ? Loader::kNew : Loader::kOld;
  return started.script != newer ||
         (started.bios == newer && started.uefi == newer && started.entry == newer);
}

}  // namespace

TEST_CASE("ApplyUpgrade: the boot loader comes with the slot, before it is emptied", "[crash]") {
  const Story story;
  const auto plan = story.Plan(story.v2);
  REQUIRE(plan.steps.size() > 2);
  CHECK(std::holds_alternative<ChangeLoader>(plan.steps[0]));
  CHECK(std::holds_alternative<MirrorGoodSlot>(plan.steps[1]));
  CHECK_FALSE(plan.loader_offer.has_value());
  CHECK_THAT(DescribeUpgrade(plan, story.machine.disk),
             Catch::Contains("  1. upgrade the boot loader: GRUB " + RealGrub().version +
                             " -> 99.1\n       write GRUB for BIOS machines ("));
  const auto described = UpgradeToJson(plan);
  const auto& json = described.At("steps", "").AsArray("").at(0);
  CHECK(json.At("step", "") == Json("change-boot-loader"));
  CHECK(json.At("steps", "").AsArray("").size() == 8);
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  REQUIRE(story.WhatStarts(overlay).bios == Loader::kOld);
  REQUIRE(story.Run(plan, story.v2, overlay));
  const auto started = story.WhatStarts(overlay);
  CHECK(started.bios == Loader::kNew);
  CHECK(started.uefi == Loader::kNew);
  CHECK(started.script == Loader::kNew);
  const auto outcome = WhatBoots(overlay, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
  CHECK(outcome.trial);
}

TEST_CASE("PlanUpgrade: offers another boot loader and leaves it", "[crash]") {
  const Story story;
  const auto plan = story.Plan(story.v2, LoaderWish::kLeave);
  REQUIRE(plan.loader_offer);
  CHECK(*plan.loader_offer == "the image brings another boot loader (GRUB " + RealGrub().version +
                                  " -> 99.1); ros upgrade --bootloader takes it");
  CHECK_THAT(DescribeUpgrade(plan, story.machine.disk), Catch::Contains(*plan.loader_offer));
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  REQUIRE(story.Run(plan, story.v2, overlay));
  CHECK(story.WhatStarts(overlay).bios == Loader::kOld);
  CHECK(story.WhatStarts(overlay).uefi == Loader::kOld);
  CHECK_FALSE(story.Plan(story.shelf.Make("3"), LoaderWish::kLeave).loader_offer.has_value());
}

TEST_CASE("ApplyUpgrade: after a cut at any write of a boot loader a whole one starts", "[crash]") {
  const bool newer = GENERATE(true, false);
  const Story story(OtherGrub(newer ? 7 : 0));
  const auto plan = story.LoaderPlan();
  const auto writes = CountWrites([&](PowerSupply& power) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    story.Run(plan, story.v2, std::make_shared<CrashingDevice>(overlay, power));
  });
  REQUIRE(writes == 11);
  for (const auto& cut : AllCuts(writes)) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    PowerSupply power(cut);
    const bool finished =
        story.Run(plan, story.v2, std::make_shared<CrashingDevice>(overlay, power));
    INFO("cut at write " << cut.write << " of " << writes << ", moment "
                         << static_cast<int>(cut.moment) << ", unsynced "
                         << static_cast<int>(cut.unsynced));
    REQUIRE_FALSE(finished);
    const auto started = story.WhatStarts(overlay);
    REQUIRE(started.bios != Loader::kBroken);
    REQUIRE(started.uefi != Loader::kBroken);
    REQUIRE(started.script != Loader::kBroken);
    REQUIRE(ScriptRuns(started, newer));
    const auto outcome = WhatBoots(overlay, story.installed.layout);
    REQUIRE(outcome.fault.empty());
    REQUIRE(outcome.version == "1");
    // The same command again ends it.
    const auto open = [&](PartitionRole role, DeviceAccess /*access*/) {
      const auto& part = story.installed.layout.Get(role);
      return Region(overlay, part.offset, part.length);
    };
    auto boot = story.Boot(overlay);
    const auto left = CompareLoader(open, boot, story.other);
    for (const auto& step : PlanLoader(left, LoaderWish::kUpgrade)) {
      ApplyLoaderStep(step, open, boot, story.other);
    }
    const auto again = story.WhatStarts(overlay);
    REQUIRE(again.bios == Loader::kNew);
    REQUIRE(again.uefi == Loader::kNew);
    REQUIRE(again.script == Loader::kNew);
    REQUIRE_FALSE(CompareLoader(open, boot, story.other).Differs());
  }
}

TEST_CASE("ApplyUpgrade: mends a boot loader of the running version that is damaged", "[crash]") {
  const Story story;
  CHECK(story.Plan(story.v1).steps.empty());
  CHECK_THAT(story.Plan(story.v1).already_there.value(), Catch::EndsWith("nothing to do"));
  const auto& bios = story.installed.layout.Get(PartitionRole::kBios);
  const auto what = GENERATE(std::string("core"), "boot sector", "efi", "script");
  const auto boot = story.Boot(story.disk);
  if (what == "core") {
    story.disk->Write(bios.offset + 70'000, AsBytes("damage"));
  } else if (what == "boot sector") {
    story.disk->Write(0x20, AsBytes("damage"));
  } else {
    boot.Find(what == "efi" ? "/EFI/BOOT/BOOTX64.EFI" : "/GRUB/GRUB.CFG")
        .data.Write(3000, AsBytes("damage"));
  }
  const auto started = story.WhatStarts(story.disk);
  CHECK((started.bios == Loader::kBroken || started.uefi == Loader::kBroken ||
         started.script == Loader::kBroken));
  const auto facts = InspectLoader(story.machine, story.Boot(story.disk));
  CHECK(facts.damage.size() == (what == "core" || what == "efi" ? 1 : 0));
  const auto plan = story.Plan(story.v1);
  CHECK(plan.already_there ==
        "version 1 is running already (slot a); its boot loader is not on "
        "this disk yet");
  REQUIRE(plan.steps.size() == 1);
  REQUIRE(story.Run(plan, story.v1, story.disk));
  const auto mended = story.WhatStarts(story.disk);
  CHECK(mended.bios == Loader::kOld);
  CHECK(mended.uefi == Loader::kOld);
  CHECK(mended.script == Loader::kOld);
  CHECK(InspectLoader(story.machine, story.Boot(story.disk)).damage.empty());
  CHECK(story.Plan(story.v1).steps.empty());
}

TEST_CASE("ApplyUpgrade: places that were switched and that fsck.vfat -a cut short", "[crash]") {
  const Story story;
  REQUIRE(story.Run(story.LoaderPlan(), story.v2, story.disk));
  const auto& part = story.installed.layout.Get(PartitionRole::kBoot);
  std::vector<std::byte> bytes(part.length);
  MemoryDisk partition(part.length);
  story.disk->Read(part.offset, bytes);
  partition.Write(0, bytes);
  static_cast<void>(RunProcess({.argv = {"fsck.vfat", "-a", partition.name()}}));
  partition.Read(0, bytes);
  story.disk->Write(part.offset, bytes);
  REQUIRE_FALSE(story.Boot(story.disk).CheckOwnership().empty());
  // Back to the first one, by the image that has it.
  const auto plan = story.Plan(story.v1);
  REQUIRE(plan.steps.size() == 2);
  CHECK(std::holds_alternative<RepairBootPartition>(plan.steps[0]));
  CHECK(std::holds_alternative<ChangeLoader>(plan.steps[1]));
  REQUIRE(story.Run(plan, story.v1, story.disk));
  CHECK(story.WhatStarts(story.disk).bios == Loader::kOld);
  CHECK(story.WhatStarts(story.disk).uefi == Loader::kOld);
  CHECK(story.WhatStarts(story.disk).script == Loader::kOld);
  CHECK(story.Boot(story.disk).CheckOwnership().empty());
  CHECK(WhatBoots(story.disk, story.installed.layout).fault.empty());
}

TEST_CASE("ApplyLoaderStep: overwrites files that have no spare place", "[crash]") {
  const Story story;
  auto boot = story.Boot(story.disk);
  const OverwriteFiles step{"/EFI/BOOT", {{"BOOTX64.EFI", story.other.efi_image.size()}}};
  ApplyLoaderStep(step, {}, boot, story.other);
  CHECK(boot.ReadContent("/EFI/BOOT/BOOTX64.EFI", kLimit) == story.other.efi_image);
  CHECK(boot.CheckOwnership().empty());
}

TEST_CASE("PlanUpgrade: a boot loader is not changed while a trial is pending", "[crash]") {
  const Story story;
  OpenBootState(story.Boot(story.disk))
      ->Store({.good = SlotId::kA, .trial = bootloader::Trial{.slot = SlotId::kB}});
  CHECK_THROWS_WITH(story.Plan(story.v2), Catch::Contains("is pending"));
}

TEST_CASE("PlanUpgrade: an image without a boot loader, or with an older one", "[crash]") {
  auto old = RealGrub();
  old.script.clear();
  old.version.clear();
  const Story story(old);
  CHECK_FALSE(story.Plan(story.v2, LoaderWish::kLeave).loader_offer.has_value());
  CHECK_THROWS_WITH(story.Plan(story.v2),
                    "the image's boot loader is older than the script of this disk and brings "
                    "none of its own");
  NoProgress progress;
  auto facts = InspectUpgrade(
      story.machine, {.source = *story.v2.source, .image = story.v2.image}, {}, progress);
  facts.loader.reset();
  CHECK_NOTHROW(PlanUpgrade(facts, {}));
  CHECK_THROWS_WITH(PlanUpgrade(facts, {.loader = LoaderWish::kUpgrade}),
                    Catch::Contains("brings no boot loader; upgrade without --bootloader"));
}

}  // namespace ros::installer
