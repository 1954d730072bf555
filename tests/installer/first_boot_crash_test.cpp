// Power cuts at every write of the first boot of a disk that is a copy of an image file.
#include <catch2/catch.hpp>

#include "base/process.hpp"
#include "health/journal.hpp"
#include "installer/first_boot.hpp"
#include "partitions/partition_table.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.

constexpr const char* kSeed = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a11";
constexpr const char* kOtherSeed = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a12";

std::shared_ptr<MemoryDisk> MakeDisk() {
  return std::make_shared<MemoryDisk>(kSmallDisk, 512, Bytes{64} << 10U);
}

// An installed disk that runs, with its state in a directory of the host.
struct RunningCopy {
  const InstallPlan& plan;
  std::shared_ptr<MemoryDisk> disk = MakeDisk();
  TempDirectory state{"ros-first-boot"};
  SystemClock clock;

  RunningCopy(const InstallPlan& installed, const MemoryDisk& original) : plan(installed) {
    std::vector<std::byte> bytes(kSmallDisk);
    original.Read(0, bytes);
    disk->Write(0, bytes);
    WriteFileAtomically(state.path() / kFirstBootMark, {});
  }

  [[nodiscard]] bool Marked() const {
    return std::filesystem::exists(state.path() / kFirstBootMark);
  }

  [[nodiscard]] std::vector<health::JournalEntry> Journal() const {
    return health::Journal(state.path(), clock).Read();
  }

  // False when the power went.
  bool Run(PowerSupply& power,
           const std::string& seed = kSeed,
           bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub) {
    const Machine machine{.disk = partitions::OpenRosDisk(disk->name()),
                          .state = state.path(),
                          .running = health::BootArguments{.state_partition = "old-uuid"},
                          .root = "/"};
    try {
      FinishFirstBoot(machine,
                      {.seed = seed,
                       .clock = clock,
                       .open =
                           [&](const auto& path, auto access) {
                             CHECK(path == disk->name());
                             CHECK(access == DeviceAccess::kWrite);
                             return std::make_shared<CrashingDevice>(disk, power);
                           },
                       .loader = loader});
      return true;
    } catch (const PowerCut&) {
      return false;
    }
  }

  void CheckBoots() const {
    const auto outcome = WhatBoots(disk, plan.layout);
    CHECK(outcome.fault.empty());
    CHECK(outcome.slot == SlotId::kA);
    CHECK_FALSE(outcome.trial);
  }
};

// The UUIDs of disk and partitions, in one list.
std::vector<std::string> Identity(const BlockDevice& disk) {
  const auto table = partitions::ReadPartitionTable(disk);
  std::vector<std::string> uuids = {table.uuid};
  for (const auto& partition : table.partitions) {
    uuids.push_back(partition.uuid);
  }
  return uuids;
}

std::vector<std::string> IdentityFrom(const std::string& seed) {
  std::vector<std::string> uuids = {partitions::UuidFromSeed(seed, "disk")};
  for (const auto role : partitions::kPartitionRoles) {
    uuids.push_back(partitions::UuidFromSeed(seed, partitions::PartitionName(role)));
  }
  return uuids;
}

// The names in /ros of the state partition.
std::string StateDirectory(const MemoryDisk& disk, const InstallPlan& plan) {
  const auto offset = plan.layout.Get(partitions::PartitionRole::kState).offset;
  const auto place = disk.name() + "?offset=" + std::to_string(offset);
  return RunProcess({.argv = {"debugfs", "-R", "ls -p /ros", place}}).out;
}

bool PlansMark(const InstallPlan& plan) {
  for (const auto& step : plan.steps) {
    if (const auto* state = std::get_if<MakeStatePartition>(&step)) {
      return state->files.contains("/ros/first-boot");
    }
  }
  return false;
}

}  // namespace

TEST_CASE("ApplyInstall: an image file is marked for its first boot, a disk is not", "[crash]") {
  const ImageShelf shelf;
  const auto image = shelf.Make("1");
  const auto disk = MakeDisk();
  auto facts = partitions::InspectDisk(disk->name());
  REQUIRE(facts.kind == partitions::TargetKind::kImageFile);
  const auto file = InstallOn(disk, facts, shelf, image);
  CHECK(PlansMark(file));
  CHECK_THAT(StateDirectory(*disk, file), Catch::Contains("/first-boot/"));
  facts.kind = partitions::TargetKind::kWholeDisk;
  const auto block = InstallOn(disk, facts, shelf, image);
  CHECK_FALSE(PlansMark(block));
  CHECK_THAT(StateDirectory(*disk, block), Catch::Contains("/journal/"));
  CHECK_THAT(StateDirectory(*disk, block), !Catch::Contains("/first-boot/"));
}

TEST_CASE("FinishFirstBoot: new UUIDs, once", "[crash]") {
  const ImageShelf shelf;
  const auto image = shelf.Make("1");
  const auto original = MakeDisk();
  const auto plan = InstallOn(original, original->name(), shelf, image);
  RunningCopy copy(plan, *original);
  PowerSupply power;
  CHECK(copy.Run(power));
  CHECK(Identity(*copy.disk) == IdentityFrom(kSeed));
  CHECK_FALSE(copy.Marked());
  // In this boot, in the next, and on a disk that is another.
  CHECK(InstanceName(copy.state.path(), "old-uuid") == "old-uuid");
  CHECK(InstanceName(copy.state.path(), Identity(*copy.disk)[5]) == "old-uuid");
  CHECK(InstanceName(copy.state.path(), "another") == "another");
  copy.CheckBoots();
  REQUIRE(copy.Journal().size() == 1);
  CHECK(copy.Journal()[0].event == health::JournalEvent::kNote);
  CHECK(copy.Journal()[0].reason ==
        "first boot of this copy of a disk image: the UUID of the disk was " +
            plan.layout.disk_uuid + " and is " + IdentityFrom(kSeed)[0]);
  const auto writes = power.writes();
  CHECK(copy.Run(power, kOtherSeed));
  CHECK(power.writes() == writes);
  CHECK(Identity(*copy.disk) == IdentityFrom(kSeed));
}

TEST_CASE("FinishFirstBoot: syslinux starts its slots by the UUIDs that it was installed with",
          "[crash]") {
  constexpr auto kLoader = bootloader::LoaderKind::kSyslinux;
  const ImageShelf shelf(kLoader);
  const auto image = shelf.Make("1");
  const auto original = MakeDisk();
  const auto plan = InstallOn(original, original->name(), shelf, image, kLoader);
  RunningCopy copy(plan, *original);
  const auto before = Identity(*copy.disk);
  PowerSupply power;
  CHECK(copy.Run(power, kSeed, kLoader));
  CHECK(power.writes() == 0);
  CHECK(Identity(*copy.disk) == before);
  CHECK_FALSE(copy.Marked());
  copy.CheckBoots();
  REQUIRE(copy.Journal().size() == 1);
  CHECK_THAT(copy.Journal()[0].reason, Catch::Contains("it keeps the UUIDs of the original"));
}

TEST_CASE("FinishFirstBoot: a cut leaves a disk that boots, and the next boot ends it", "[crash]") {
  const ImageShelf shelf;
  const auto image = shelf.Make("1");
  const auto original = MakeDisk();
  const auto plan = InstallOn(original, original->name(), shelf, image);
  const auto writes = CountWrites([&](PowerSupply& power) {
    RunningCopy whole(plan, *original);
    REQUIRE(whole.Run(power));
  });
  REQUIRE(writes == 6);
  for (std::uint64_t write = 1; write <= writes; ++write) {
    INFO("cut at write " << write);
    RunningCopy copy(plan, *original);
    PowerSupply power({.write = write,
                       .moment = write % 2 == 0 ? CutMoment::kAfter : CutMoment::kDuring,
                       .unsynced = Unsynced::kRandom,
                       .seed = static_cast<std::uint32_t>(write)});
    REQUIRE_FALSE(copy.Run(power));
    CHECK(copy.Marked());
    CHECK(copy.Journal().empty());
    copy.CheckBoots();
    const auto found = Identity(*copy.disk);
    CHECK((found == Identity(*original) || found == IdentityFrom(kSeed)));
    PowerSupply steady;
    CHECK(copy.Run(steady, kOtherSeed));
    CHECK(Identity(*copy.disk) == IdentityFrom(kOtherSeed));
    CHECK_FALSE(copy.Marked());
    copy.CheckBoots();
  }
}

}  // namespace ros::installer
