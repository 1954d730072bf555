// Power cuts at every write of the boot in which a disk is found to have become larger.
#include <catch2/catch.hpp>

#include "health/journal.hpp"
#include "installer/disk_growth.hpp"
#include "partitions/partition_table.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using partitions::PartitionRole;

constexpr Bytes kLargeDisk = kSmallDisk + (Bytes{64} << 20U);
constexpr Bytes kMiB = Bytes{1} << 20U;

// An installed disk whose bytes were copied to the start of a larger one. It runs, with its state
// directory on the host.
struct LargerCopy {
  const InstallPlan& plan;
  std::shared_ptr<MemoryDisk> disk =
      std::make_shared<MemoryDisk>(kLargeDisk, 512, Bytes{64} << 10U);
  TempDirectory state{"ros-growth"};
  SystemClock clock;
  // What the kernel learned in this boot.
  Bytes kernel_length;

  LargerCopy(const InstallPlan& installed, const MemoryDisk& original)
      : plan(installed), kernel_length(State().length) {
    const std::vector<std::byte> zeros(kMiB);
    std::vector<std::byte> piece(kMiB);
    for (Bytes at = 0; at < kSmallDisk; at += kMiB) {
      original.Read(at, piece);
      if (piece != zeros) {
        disk->Write(at, piece);
      }
    }
  }

  [[nodiscard]] const partitions::PlannedPartition& State() const {
    return plan.layout.Get(PartitionRole::kState);
  }

  [[nodiscard]] partitions::TableGrowth Table() const {
    return partitions::InspectTableGrowth(*disk, 5);
  }

  // The partition's length in the table that everybody reads.
  [[nodiscard]] Bytes Length() const {
    return partitions::ReadPartitionTable(*disk).partitions.at(4).length;
  }

  [[nodiscard]] Bytes FileSystem() const {
    std::vector<std::byte> start(2048);
    disk->Read(State().offset, start);
    return partitions::InspectExt4Growth(start, Length()).length;
  }

  // In the place of the kernel: one step that tells in the superblock what it has come to.
  void GrowExt4(PowerSupply& power, Bytes length) const {
    CHECK(length <= kernel_length);
    power.Step([&] {
      std::vector<std::byte> blocks(4);
      StoreLe32(blocks, 0, static_cast<std::uint32_t>(length / 4096));
      disk->Write(State().offset + 1024 + 4, blocks);
    });
  }

  // One boot; false when the power went.
  bool Boot(PowerSupply& power) {
    kernel_length = Length();
    Machine machine{.disk = partitions::OpenRosDisk(disk->name()),
                    .state = state.path(),
                    .running = health::BootArguments{},
                    .root = "/"};
    const GrowthMeans means{
        .clock = clock,
        .open = [&](const auto&, auto) { return std::make_shared<CrashingDevice>(disk, power); },
        .resize_partition =
            [&](const auto& path, int number, Bytes offset, Bytes length) {
              CHECK(path == disk->name());
              CHECK(number == 5);
              CHECK(offset == State().offset);
              // The kernel goes by what it is told; the table says the same by now.
              CHECK(length == Length());
              kernel_length = length;
            },
        .grow_file_system =
            [&](const auto& directory, Bytes length, Bytes) {
              CHECK(directory == state.path());
              GrowExt4(power, length);
            }};
    try {
      ApplyGrowth(PlanGrowth(InspectGrowth(machine, means.open)), machine, means);
      return true;
    } catch (const PowerCut&) {
      return false;
    }
  }

  void CheckBoots() const {
    const auto outcome = WhatBoots(disk, plan.layout);
    CHECK(outcome.fault.empty());
    CHECK(outcome.slot == SlotId::kA);
    // The file system is never larger than its partition.
    CHECK(FileSystem() <= Length());
  }

  void CheckGrown() const {
    CHECK_FALSE(Table().Needed());
    CHECK(Length() == kLargeDisk - kMiB - State().offset);
    CHECK(FileSystem() == Length());
    CheckBoots();
  }
};

struct Original {
  ImageShelf shelf;
  SmallImage image = shelf.Make("1");
  std::shared_ptr<MemoryDisk> disk =
      std::make_shared<MemoryDisk>(kSmallDisk, 512, Bytes{64} << 10U);
  InstallPlan plan = InstallOn(disk, disk->name(), shelf, image);
};

}  // namespace

TEST_CASE("ApplyGrowth: a disk of its own size is left alone", "[crash]") {
  const Original original;
  const Machine machine{.disk = partitions::OpenRosDisk(original.disk->name())};
  CHECK(PlanGrowth(InspectGrowth(machine)).steps.empty());
}

TEST_CASE("ApplyGrowth: the state gets the rest of a larger disk, once", "[crash]") {
  const Original original;
  LargerCopy copy(original.plan, *original.disk);
  PowerSupply power;
  CHECK(copy.Boot(power));
  copy.CheckGrown();
  const auto entries = health::Journal(copy.state.path(), copy.clock).Read();
  REQUIRE(entries.size() == 1);
  CHECK_THAT(entries[0].reason, Catch::Contains("is larger than what was on it: the backup"));
  const auto writes = power.writes();
  CHECK(copy.Boot(power));
  CHECK(power.writes() == writes);
  CHECK(health::Journal(copy.state.path(), copy.clock).Read().size() == 1);
}

TEST_CASE("ApplyGrowth: a cut leaves a disk that boots, and the next boot ends it", "[crash]") {
  const Original original;
  const auto writes = CountWrites([&](PowerSupply& power) {
    LargerCopy whole(original.plan, *original.disk);
    REQUIRE(whole.Boot(power));
  });
  REQUIRE(writes == 7);
  for (std::uint64_t write = 1; write <= writes; ++write) {
    for (const auto moment : {CutMoment::kBefore, CutMoment::kDuring, CutMoment::kAfter}) {
      INFO("cut at write " << write << ", moment " << static_cast<int>(moment));
      LargerCopy copy(original.plan, *original.disk);
      PowerSupply power({.write = write,
                         .moment = moment,
                         .unsynced = Unsynced::kRandom,
                         .seed = static_cast<std::uint32_t>(write)});
      REQUIRE_FALSE(copy.Boot(power));
      copy.CheckBoots();
      PowerSupply steady;
      CHECK(copy.Boot(steady));
      copy.CheckGrown();
    }
  }
}

}  // namespace ros::installer
