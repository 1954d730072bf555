// Power cuts at every write of an installation.
#include <catch2/catch.hpp>

#include "installer/install.hpp"
#include "partitions/partition_table.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.

struct Attempt {
  std::shared_ptr<MemoryDisk> disk =
      std::make_shared<MemoryDisk>(kSmallDisk, 512, Bytes{64} << 10U);
  std::optional<InstallPlan> plan;

  // False when the power went.
  bool Run(const ImageShelf& shelf, const SmallImage& image, PowerSupply& power) {
    try {
      plan = InstallOn(std::make_shared<CrashingDevice>(disk, power), disk->name(), shelf, image);
      return true;
    } catch (const PowerCut&) {
      return false;
    }
  }
};

}  // namespace

TEST_CASE("ApplyInstall: the disk boots the image from slot a", "[crash]") {
  const ImageShelf shelf;
  const auto image = shelf.Make("1");
  Attempt attempt;
  PowerSupply power;
  REQUIRE(attempt.Run(shelf, image, power));
  const auto outcome = WhatBoots(attempt.disk, attempt.plan->layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.slot == SlotId::kA);
  CHECK(outcome.version == "1");
  CHECK_FALSE(outcome.trial);
  const auto disk = partitions::OpenRosDisk(attempt.disk->name());
  CHECK(disk.uuid == attempt.plan->layout.disk_uuid);
}

TEST_CASE("ApplyInstall: a cut leaves no partition table, or a disk that boots", "[crash]") {
  const ImageShelf shelf;
  const auto image = shelf.Make("1");
  InstallPlan plan;
  const auto writes = CountWrites([&](PowerSupply& power) {
    Attempt whole;
    REQUIRE(whole.Run(shelf, image, power));
    plan = *whole.plan;
  });
  REQUIRE(writes > 20);
  for (std::uint64_t write = 1; write <= writes; ++write) {
    const CutPlan cut{.write = write,
                      .moment = write % 2 == 0 ? CutMoment::kAfter : CutMoment::kDuring,
                      .unsynced = Unsynced::kRandom,
                      .seed = static_cast<std::uint32_t>(write)};
    Attempt attempt;
    PowerSupply power(cut);
    INFO("cut at write " << write << " of " << writes);
    REQUIRE_FALSE(attempt.Run(shelf, image, power));
    const auto table = partitions::ReadPartitionTable(*attempt.disk);
    if (table.type == partitions::TableType::kNone) {
      continue;
    }
    REQUIRE(table.uuid == plan.layout.disk_uuid);
    const auto outcome = WhatBoots(attempt.disk, plan.layout);
    REQUIRE(outcome.fault.empty());
    REQUIRE(outcome.version == "1");
  }
}

}  // namespace ros::installer
