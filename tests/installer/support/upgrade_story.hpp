#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <utility>

#include "installer/upgrade.hpp"
#include "installer/verified_slots.hpp"
#include "tests/images/support/remote_image.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/overlay_disk.hpp"
#include "tests/support/crashing_device.hpp"
#include "tests/support/warnings.hpp"

namespace ros::installer {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using partitions::PartitionRole;

// An installed disk with version 1, and the plan of an upgrade to version 2.
struct Story {
  bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub;
  ImageShelf shelf{loader};
  SmallImage v1 = shelf.Make("1");
  SmallImage v2 = shelf.Make("2");
  std::unique_ptr<images::ImageSource> file;  // of version 2, once it is remote
  TempDirectory state{"ros-test"};
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(kSmallDisk);
  InstallPlan installed = InstallOn(disk, disk->name(), shelf, v1, loader);
  Machine machine = {.disk = partitions::OpenRosDisk(disk->name()),
                     .state = state.path(),
                     .running = health::BootArguments{.slot = SlotId::kA}};
  mutable Warnings warnings;  // of all that ran

  // From now on version 2 comes over a network, which counts what is read.
  const images::fakes::RemoteImage& MakeRemote(
      images::fakes::RemoteImage::Way way = images::fakes::RemoteImage::Way::kNetwork,
      const images::RangeCosts& costs = {}) {
    file = std::move(v2.source);
    auto remote = std::make_unique<images::fakes::RemoteImage>(*file, way, costs);
    const auto& counted = *remote;
    v2.source = std::move(remote);
    return counted;
  }

  [[nodiscard]] Region Part(const std::shared_ptr<BlockDevice>& device, PartitionRole role) const {
    const auto& part = installed.layout.Get(role);
    return {device, part.offset, part.length};
  }

  // As an installation leaves it.
  void FillMemory(const std::filesystem::path& memory) const {
    RememberVerifiedSlot(memory, SlotId::kA, VerifiedSlotOf(v1.image));
  }

  // What has released version 2.
  [[nodiscard]] trust::ShownChannel Document() const {
    return {.channel = {.name = "stable",
                        .serial = 7,
                        .releases = {{.version = "2", .digest = v2.image.manifest.digest}}},
            .digest = keys::Sha256Of(AsBytes("serial 7"))};
  }

  [[nodiscard]] UpgradePlan Plan() const {
    const TrustRules rules{.channel = Document()};
    return PlanUpgrade(
        InspectUpgrade(machine, {.source = *v2.source, .image = v2.image}, rules, warnings),
        {.after = AfterWriting::kArm});
  }

  // Runs the plan on `device`; false when the power went.
  bool Run(const UpgradePlan& plan, const std::shared_ptr<BlockDevice>& device) const {
    return Run(plan, device, state.path());
  }

  // Which write is the root's, of all that the plan does.
  [[nodiscard]] std::uint64_t WriteOfRoot(const UpgradePlan& plan) const {
    PowerSupply power;
    REQUIRE(
        Run(plan, std::make_shared<CrashingDevice>(std::make_shared<OverlayDisk>(disk), power)));
    const auto slot = installed.layout.Get(PartitionRole::kSlotB).offset;
    std::uint64_t write = 0;
    for (const auto& event : power.events()) {
      write += event.length > 0 ? 1 : 0;
      if (event.length > 0 && event.offset == slot) {
        return write;
      }
    }
    return 0;
  }

  // The power goes when the root is written and before anything else is.
  void CutAfterRoot(const UpgradePlan& plan) const {
    PowerSupply power({.write = WriteOfRoot(plan),
                       .moment = CutMoment::kAfter,
                       .unsynced = Unsynced::kKept,
                       .seed = 1});
    REQUIRE_FALSE(Run(plan, std::make_shared<CrashingDevice>(disk, power)));
  }

  // Without a fault, and this version.
  void CheckBoots(const std::string& version) const {
    const auto outcome = WhatBoots(disk, installed.layout);
    CHECK(outcome.fault.empty());
    CHECK(outcome.version == version);
  }

  // Changes a byte there.
  void Damage(PartitionRole role, Bytes at) const {
    std::byte byte{};
    const auto part = Part(disk, role);
    part.Read(at, {&byte, 1});
    byte ^= std::byte{1};
    part.Write(at, {&byte, 1});
  }

  // Cuts the power at every write of the plan. What boots is whole each time, and the running
  // version or this one.
  void CheckAllCuts(const UpgradePlan& plan, const std::string& next) const {
    const auto writes = CountWrites([&](PowerSupply& power) {
      Run(plan, std::make_shared<CrashingDevice>(std::make_shared<OverlayDisk>(disk), power));
    });
    for (const auto& cut : AllCuts(writes)) {
      const auto overlay = std::make_shared<OverlayDisk>(disk);
      PowerSupply power(cut);
      const TempDirectory memory("ros-test");
      FillMemory(memory.path());
      INFO("cut at write " << cut.write << " of " << writes);
      REQUIRE_FALSE(Run(plan, std::make_shared<CrashingDevice>(overlay, power), memory.path()));
      const auto outcome = WhatBoots(overlay, installed.layout);
      CHECK(outcome.fault.empty());
      CHECK(outcome.version == (outcome.trial ? next : "1"));
    }
  }

  bool Run(const UpgradePlan& plan,
           const std::shared_ptr<BlockDevice>& device,
           const std::filesystem::path& memory) const {
    return Run(plan, device, memory, *v2.source);
  }

  bool Run(const UpgradePlan& plan,
           const std::shared_ptr<BlockDevice>& device,
           const std::filesystem::path& memory,
           const images::ImageSource& source) const {
    if (const auto* remote = dynamic_cast<const images::fakes::RemoteImage*>(&source)) {
      remote->Rewind();
    }
    const SystemClock clock;
    const auto open = [&](PartitionRole role, DeviceAccess /*access*/) {
      return Part(device, role);
    };
    try {
      ApplyUpgrade(plan,
                   {.source = source,
                    .image = v2.image,
                    .open = open,
                    .state = memory,
                    .clock = clock,
                    .progress = warnings,
                    .reboot = [] {}});
      return true;
    } catch (const PowerCut&) {
      return false;
    }
  }
};

}  // namespace ros::installer
