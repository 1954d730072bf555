// A disk image with sectors of 4096 bytes, from installation to upgrade.
#include <catch2/catch.hpp>

#include "installer/status.hpp"
#include "installer/upgrade.hpp"
#include "partitions/partition_table.hpp"
#include "tests/installer/support/installed_disk.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.
using namespace ros::testing;   // NOLINT(google-build-using-namespace): the tools of these tests.

constexpr std::uint32_t kSectorSize = 4096;
constexpr Bytes kDiskSize = 600_MiB;

InstallPlan InstallToFile(const std::filesystem::path& path,
                          const ImageShelf& shelf,
                          const SmallImage& image) {
  auto request = SmallRequest(shelf, path.string());
  request.create_size = kDiskSize;
  request.sector_size = kSectorSize;
  request.boot_size = 260_MiB;
  const auto facts = partitions::InspectDisk(path);
  const auto plan = PlanInstall(FactsOf(image, facts), request);
  NoProgress progress;
  const SystemClock clock;
  ApplyInstall(plan,
               {.source = *image.source,
                .image = image.image,
                .request = request,
                .disk = facts,
                .open =
                    [&](const auto& target) {
                      return OpenBlankDevice(
                          target, DeviceAccess::kExclusive, plan.layout.sector_size);
                    },
                .clock = clock,
                .progress = progress});
  return plan;
}

}  // namespace

TEST_CASE("ApplyInstall: sectors of 4096 bytes, and an upgrade after it", "[installer]") {
  const ImageShelf shelf;
  const auto v1 = shelf.Make("1");
  const TempDirectory directory;
  const auto path = directory.path() / "disk.img";
  const auto installed = InstallToFile(path, shelf, v1);
  const auto disk = OpenBlockDevice(path, DeviceAccess::kWrite);
  REQUIRE(disk->sector_size() == kSectorSize);
  CHECK(partitions::InspectDisk(path).sector_size == kSectorSize);
  CHECK(partitions::InspectDisk(path).table.partitions.size() == 5);
  auto outcome = WhatBoots(disk, installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "1");
  // No BIOS shall find a loader that cannot read the rest.
  CHECK_THAT(LoaderText(InspectStatus(OpenDisk(path)).loader),
             Catch::StartsWith("GRUB ") && Catch::EndsWith(", for UEFI machines"));

  const auto v2 = shelf.Make("2");
  const TempDirectory state;
  auto machine = OpenDisk(path);
  machine.state = state.path();
  machine.running = health::BootArguments{.slot = SlotId::kA};
  NoProgress progress;
  const SystemClock clock;
  const auto plan =
      PlanUpgrade(InspectUpgrade(machine, {.source = *v2.source, .image = v2.image}, {}, progress),
                  {.after = AfterWriting::kArm});
  ApplyUpgrade(
      plan,
      {.source = *v2.source,
       .image = v2.image,
       .open = [&](auto role,
                   auto access) { return partitions::OpenPartition(machine.disk, role, access); },
       .state = state.path(),
       .clock = clock,
       .progress = progress,
       .reboot = [] {}});
  outcome = WhatBoots(disk, installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
  CHECK(outcome.trial);
}

}  // namespace ros::installer
