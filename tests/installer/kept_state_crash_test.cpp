// Power cuts at every write of an installation that keeps ROS-STATE, and of its first boot.
#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>

#include "base/error.hpp"
#include "health/journal.hpp"
#include "health/kept_note.hpp"
#include "images/verify_root.hpp"
#include "installer/install.hpp"
#include "installer/kept_boot.hpp"
#include "installer/kept_state.hpp"
#include "installer/slot_content.hpp"
#include "installer/trust_rules.hpp"
#include "installer/verified_slots.hpp"
#include "partitions/partition_table.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/recorded_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using health::KeptNote;
using partitions::PartitionRole;

constexpr Bytes kMiB = Bytes{1} << 20U;
constexpr const char* kNewSeed = "6a1f2b3c-0000-4000-8000-000000000002";

std::shared_ptr<MemoryDisk> MakeDisk() {
  return std::make_shared<MemoryDisk>(kSmallDisk, 512, Bytes{64} << 10U);
}

std::vector<std::byte> ReadBytes(const BlockDevice& disk, Bytes offset, Bytes length) {
  std::vector<std::byte> bytes(length);
  disk.Read(offset, bytes);
  return bytes;
}

// A disk with version 1, as it was before, and version 2 in front of the same state.
struct Reinstalled {
  bool is_piped = false;
  ImageShelf shelf{bootloader::LoaderKind::kGrub};
  SmallImage v1 = shelf.Make("1");
  SmallImage v2 = shelf.Make("2");
  std::shared_ptr<MemoryDisk> disk = MakeDisk();
  InstallPlan before = InstallOn(disk, disk->name(), shelf, v1);
  // The part of the disk that is written, as it was.
  std::vector<std::byte> front = ReadBytes(*disk, 0, State().offset);
  std::vector<std::byte> state = ReadBytes(*disk, State().offset, State().length);
  std::vector<std::byte> back = ReadBytes(*disk, kSmallDisk - kMiB, kMiB);
  std::shared_ptr<RecordedDisk> recorded = std::make_shared<RecordedDisk>(disk);
  InstallPlan after = Reinstall(recorded);

  [[nodiscard]] const partitions::PlannedPartition& State() const {
    return before.layout.Get(PartitionRole::kState);
  }

  InstallPlan Reinstall(const std::shared_ptr<BlockDevice>& device) {
    const auto piped = FromPipe(v2);
    const auto& image = is_piped ? piped : v2;
    auto facts = FactsOf(image, partitions::InspectDisk(disk->name()));
    facts.kept = InspectKeptState(facts.disk);
    auto request = SmallRequest(shelf, disk->name());
    request.seed = kNewSeed;
    // Another layout than before.
    request.boot_size = Bytes{56} << 20U;
    request = RequestKeeping(std::move(request), *facts.kept);
    auto plan = PlanInstall(facts, request);
    NoProgress progress;
    const SystemClock clock;
    ApplyInstall(plan,
                 {.source = *image.source,
                  .image = image.image,
                  .request = request,
                  .disk = facts.disk,
                  .open = [&](const auto&) { return device; },
                  .clock = clock,
                  .progress = progress});
    return plan;
  }

  // The disk as it was before, with all that was synced before write number `write`.
  std::uint64_t Rewind(std::uint64_t write) {
    disk->Write(0, front);
    disk->Write(kSmallDisk - kMiB, back);
    const auto synced = recorded->SyncedBefore(write);
    recorded->Replay(*disk, 1, synced);
    return synced;
  }

  void CheckStateStays() const {
    CHECK((ReadBytes(*disk, State().offset, State().length) == state));
    CheckTableKeepsState();
  }

  // The table is valid all the time, so a boot loader may be started by it.
  void CheckSlotIsWhole() const {
    const auto part = [&](PartitionRole role) {
      const auto& planned = after.layout.Get(role);
      return Region(disk, planned.offset, planned.length);
    };
    std::optional<partitions::FatVolume> boot;
    try {
      boot.emplace(partitions::FatVolume::Open(part(PartitionRole::kBoot)));
    } catch (const Error&) {
      return;  // It is not made yet.
    }
    if (ReadSlotContent(*boot, SlotId::kA).digest == v2.digest()) {
      CHECK(BootFilesAreSound(*boot, SlotId::kA));
      NoProgress progress;
      CHECK_NOTHROW(
          images::VerifyRoot(part(PartitionRole::kSlotA), v2.image.config.root, progress));
    }
  }

  void CheckTableKeepsState() const {
    const auto table = partitions::ReadPartitionTable(*disk);
    REQUIRE(table.partitions.size() == 5);
    CHECK(table.partitions[4].name == "ROS-STATE");
    CHECK(table.partitions[4].uuid == State().uuid);
    CHECK(table.partitions[4].offset == State().offset);
    CHECK(table.partitions[4].length == State().length);
  }
};

// A machine that runs from a disk of files, in the first boot of an installation that kept the
// state.
struct FirstBoot {
  Reinstalled& installed;
  TempDirectory state{"ros-kept"};
  SystemClock clock;
  std::string id = installed.after.layout.disk_uuid;

  explicit FirstBoot(Reinstalled& with) : installed(with) {
    std::filesystem::create_directories(state.path() / "keys");
    health::WriteKeptNote(state.path(),
                          {.installation = id, .from = SlotId::kB, .stage = KeptNote::Stage::kEtc});
  }

  [[nodiscard]] Machine RunningMachine() const {
    health::BootArguments running{.slot = SlotId::kA};
    running.kept = id;
    return {.disk = partitions::OpenRosDisk(installed.disk->name()),
            .state = state.path(),
            .running = running,
            .root = "/"};
  }

  [[nodiscard]] std::string Boot() const {
    const auto machine = RunningMachine();
    return FinishKeptState(machine, OpenBootVolume(machine, DeviceAccess::kRead), clock);
  }

  void PutKey(const std::string& name, const std::string& text) const {
    WriteFileAtomically(state.path() / "keys" / name, AsBytes(text));
  }

  [[nodiscard]] std::vector<std::string> Keys() const {
    return ListDirectory(state.path() / "keys");
  }
};

}  // namespace

TEST_CASE("ApplyInstall: --keep-state renews the system and leaves the state", "[crash]") {
  Reinstalled reinstalled;
  reinstalled.CheckStateStays();
  const auto outcome = WhatBoots(reinstalled.disk, reinstalled.after.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
  CHECK_FALSE(outcome.trial);
  CHECK(reinstalled.after.layout.Get(PartitionRole::kBoot).length == Bytes{56} << 20U);
  CHECK(partitions::OpenRosDisk(reinstalled.disk->name()).uuid ==
        reinstalled.after.layout.disk_uuid);
}

TEST_CASE("ApplyInstall: --keep-state that was cut finds its ROS-STATE again", "[crash]") {
  Reinstalled reinstalled{GENERATE(false, true)};
  INFO((reinstalled.is_piped ? "from a pipe" : "from a file"));
  const auto& recorded = *reinstalled.recorded;
  const auto writes = recorded.SyncedBefore(std::numeric_limits<std::uint64_t>::max());
  REQUIRE(writes > 20);
  // Looked at after each of them; installed again after some.
  const auto every = writes / 6;
  for (std::uint64_t write = 1; write <= writes; ++write) {
    for (const auto moment : {CutMoment::kBefore, CutMoment::kDuring, CutMoment::kAfter}) {
      INFO("cut at write " << write << " of " << writes << ", moment " << static_cast<int>(moment));
      const auto synced = reinstalled.Rewind(write);
      PowerSupply power({.write = write - synced,
                         .moment = moment,
                         .unsynced = Unsynced::kRandom,
                         .seed = static_cast<std::uint32_t>(write)});
      {
        CrashingDevice device(reinstalled.disk, power);
        REQUIRE_THROWS_AS(recorded.Replay(device, synced + 1, writes), PowerCut);
      }
      reinstalled.CheckTableKeepsState();
      reinstalled.CheckSlotIsWhole();
      if (write % every == 0 && moment == CutMoment::kDuring) {
        const auto kept = InspectKeptState(partitions::InspectDisk(reinstalled.disk->name()));
        CHECK(kept.partition == reinstalled.State());
        const auto plan = reinstalled.Reinstall(reinstalled.disk);
        reinstalled.CheckStateStays();
        const auto outcome = WhatBoots(reinstalled.disk, plan.layout);
        CHECK(outcome.fault.empty());
        CHECK(outcome.version == "2");
      }
    }
  }
}

TEST_CASE("FinishKeptState: the machine trusts the new key too, and the journal tells", "[crash]") {
  Reinstalled reinstalled;
  FirstBoot boot(reinstalled);
  boot.PutKey("release.pub", "of the years before");
  RememberVerifiedSlot(boot.state.path(), SlotId::kA, {.digest = "sha256:former"});
  RememberVerifiedSlot(boot.state.path(), SlotId::kB, {.digest = "sha256:former"});
  CHECK_THROWS_WITH(FindTrustRules(boot.RunningMachine(), boot.clock),
                    Catch::Contains("has not taken over the state"));
  CHECK_THAT(boot.Boot(), Catch::Contains("/etc is that of slot b before, 1 key added"));
  CHECK(FindTrustRules(boot.RunningMachine(), boot.clock).policy.keys.at(0).name == "release-2");
  CHECK(boot.Keys() == std::vector<std::string>{"2-release.pub", "release.pub"});
  CHECK(ReadFile(boot.state.path() / "keys/2-release.pub", 4096) == reinstalled.shelf.public_key());
  const auto entries = health::Journal(boot.state.path(), boot.clock).Read();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].event == health::JournalEvent::kInstalled);
  CHECK(entries[0].version == "2");
  CHECK(entries[0].digest == reinstalled.v2.digest());
  // The records of the slots that were there before are gone with them. Until then nothing was
  // judged by what they say.
  CHECK(ReadVerifiedSlots(boot.state.path()) ==
        VerifiedSlots{{SlotId::kA, VerifiedSlotOf(reinstalled.v2.image)}});
  // Once.
  CHECK(boot.Boot().empty());
  CHECK(health::Journal(boot.state.path(), boot.clock).Read().size() == 1);
}

TEST_CASE("FinishKeptState: a key that is there is not added, and a cut is made up for",
          "[crash]") {
  Reinstalled reinstalled;
  FirstBoot boot(reinstalled);
  boot.PutKey("mine.pub", reinstalled.shelf.public_key());
  CHECK_THAT(boot.Boot(), Catch::Contains("0 keys added"));
  // The last write is lost: all is done again, and there is still one key.
  health::WriteKeptNote(
      boot.state.path(),
      {.installation = boot.id, .from = SlotId::kB, .stage = KeptNote::Stage::kEtc});
  CHECK_FALSE(boot.Boot().empty());
  CHECK(boot.Keys() == std::vector<std::string>{"mine.pub"});
}

TEST_CASE("FinishKeptState: nothing to do in any other boot", "[crash]") {
  Reinstalled reinstalled;
  FirstBoot boot(reinstalled);
  boot.id = "";
  CHECK(boot.Boot().empty());
  boot.id = "another";
  CHECK(boot.Boot().empty());
  CHECK(boot.Keys().empty());
}

}  // namespace ros::installer
