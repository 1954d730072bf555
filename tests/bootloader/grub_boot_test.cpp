// What GRUB does on the ways that a slot, a boot state or a disk can be damaged.
#include <catch2/catch.hpp>
#include <functional>
#include <vector>

#include "bootloader/boot_state_store.hpp"
#include "bootloader/core_image.hpp"
#include "bootloader/grub_config.hpp"
#include "bootloader/grub_environment.hpp"
#include "grub_machine.hpp"
#include "partitions/partition_role.hpp"
#include "partitions/table_change.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::bootloader::test {
namespace {

constexpr BootState kTrialOfB{.good = SlotId::kA,
                              .trial = Trial{.slot = SlotId::kB, .tries_left = 3}};

struct Fixture {
  TempDirectory scratch{"ros-grub-test"};
  GrubDisk disk{scratch.path() / "disk", BuildGrubParts(), "disk"};

  [[nodiscard]] BootState State() const {
    return GrubStore(disk.Grubenv(), disk.Grubenv2()).Load().state().value();
  }

  void SetState(const BootState& state) const {
    GrubStore(disk.Grubenv(), disk.Grubenv2()).Store(state);
  }

  [[nodiscard]] BootResult BootIt() const { return Boot({.disks = {disk.path()}}); }
};

void Flip(std::string& content, std::size_t place) {
  content.at(place) = static_cast<char>(content.at(place) ^ 1);
}

// The kernel in `slot` was told the partitions of this disk.
void CheckPartitions(const BootResult& boot, SlotId slot, const partitions::PartitionTable& table) {
  const auto uuid = [&table](partitions::PartitionRole role) {
    return table.partitions.at(static_cast<std::size_t>(partitions::PartitionNumber(role)) - 1)
        .uuid;
  };
  INFO(boot.log);
  CHECK(boot.Argument("ros.boot") == uuid(partitions::PartitionRole::kBoot));
  CHECK(boot.Argument("ros.root") == uuid(partitions::RoleOf(slot)));
  CHECK(boot.Argument("ros.state") == uuid(partitions::PartitionRole::kState));
}

struct Damage {
  const char* name;
  std::function<void(SlotFiles&)> damage;
};

const std::vector<Damage> kDamages = {
    // Noticed by length or digest.
    {"no kernel", [](SlotFiles& files) { files["kernel"] = ""; }},
    {"kernel header", [](SlotFiles& files) { Flip(files["kernel"], 0x202); }},
    {"kernel body", [](SlotFiles& files) { Flip(files["kernel"], 0x500); }},
    {"kernel cut short", [](SlotFiles& files) { files["kernel"].resize(0x300); }},
    {"no initrd", [](SlotFiles& files) { files["initrd"] = ""; }},
    {"initrd", [](SlotFiles& files) { Flip(files["initrd"], 3); }},
    {"no entry", [](SlotFiles& files) { files["grub.cfg"] = ""; }},
    {"entry", [](SlotFiles& files) { Flip(files["grub.cfg"], 50); }},
    {"no sums", [](SlotFiles& files) { files["sums"] = ""; }},
    {"sums", [](SlotFiles& files) { Flip(files["sums"], 10); }},
    {"sums are garbage", [](SlotFiles& files) { files["sums"] = std::string(200, '\xcc'); }},
    {"sums are zeros", [](SlotFiles& files) { files["sums"] = std::string(200, '\0'); }},
    {"all empty",
     [](SlotFiles& files) {
       for (auto& [name, content] : files) {
         content.clear();
       }
     }},
    // With sums that fit: noticed by the loader itself.
    {"a kernel that is none",
     [](SlotFiles& files) {
       files["kernel"] = std::string(9000, '\xcc');
       MakeSumsFit(files);
     }},
    {"an initrd that is missing once the kernel is loaded",
     [](SlotFiles& files) {
       auto& entry = files["grub.cfg"];
       const auto place = entry.find("/b/initrd");
       entry.replace(place, 9, "/b/nobody");
       MakeSumsFit(files);
     }},
    {"an entry that is no script",
     [](SlotFiles& files) {
       files["grub.cfg"] = "if then { \"";
       MakeSumsFit(files);
     }},
};

}  // namespace

TEST_CASE("GRUB: a damaged trial falls to the good slot in the same boot", "[bootloader][qemu]") {
  const Fixture fixture;
  for (const auto& damage : kDamages) {
    auto files = WholeSlot(SlotId::kB, "disk b");
    damage.damage(files);
    fixture.disk.PutSlot(SlotId::kB, files);
    fixture.SetState(kTrialOfB);
    const auto boot = fixture.BootIt();
    INFO(damage.name << "\n" << boot.log);
    CHECK(boot.kernel == "disk a");
    CHECK(boot.initrd == "initrd of disk a");
    CHECK(boot.Argument("ros.fell") == "b");
    CHECK_FALSE(boot.Argument("ros.trial").has_value());
    CHECK(fixture.State() == NextBoot(kTrialOfB, {.a = true}).after);
  }
}

TEST_CASE("GRUB: a file that is missing falls to the good slot too", "[bootloader][qemu]") {
  const Fixture fixture;
  for (const std::string name : {"kernel", "initrd", "grub.cfg", "sums"}) {
    const GrubDisk disk(fixture.scratch.path() / name, fixture.disk);
    GrubStore(disk.Grubenv(), disk.Grubenv2()).Store(kTrialOfB);
    disk.Remove("/b/" + name);
    const auto boot = Boot({.disks = {disk.path()}});
    INFO(name << "\n" << boot.log);
    CHECK(boot.kernel == "disk a");
    CHECK(boot.Argument("ros.fell") == "b");
  }
}

TEST_CASE("GRUB: a trial's tries are counted down, then the good slot boots",
          "[bootloader][qemu]") {
  const Fixture fixture;
  fixture.SetState(kTrialOfB);
  for (const std::string left : {"2", "1", "0"}) {
    const auto boot = fixture.BootIt();
    INFO(boot.log);
    CHECK(boot.kernel == "disk b");
    CHECK(boot.Argument("ros.trial") == left);
    CHECK(fixture.State().trial.value().started);
  }
  const auto boot = fixture.BootIt();
  INFO(boot.log);
  CHECK(boot.kernel == "disk a");
  CHECK_FALSE(boot.Argument("ros.fell").has_value());
  CHECK(fixture.State().trial == Trial{.slot = SlotId::kB, .tries_left = 0, .started = true});
}

TEST_CASE("GRUB: taking a try writes the sectors of grubenv and nothing else",
          "[bootloader][qemu]") {
  const Fixture fixture;
  fixture.SetState(kTrialOfB);
  const auto trial = Boot({.disks = {fixture.disk.path()}, .writes = WriteFate::kRecorded});
  INFO(trial.log);
  CHECK(trial.kernel == "disk b");
  const auto sector = fixture.disk.Grubenv().offset() / 512;
  // GRUB writes the whole block, one sector at a time; the second is padding that stays the same.
  CHECK(trial.writes == std::vector<DiskWrite>{{sector, 1}, {sector + 1, 1}});
}

TEST_CASE("GRUB: booting the good slot writes nothing", "[bootloader][qemu]") {
  const Fixture fixture;
  const auto good = Boot({.disks = {fixture.disk.path()}, .writes = WriteFate::kRecorded});
  INFO(good.log);
  CHECK(good.kernel == "disk a");
  CHECK(good.writes.empty());
}

TEST_CASE("GRUB: a try that cannot be written is not made", "[bootloader][qemu]") {
  const Fixture fixture;
  fixture.SetState(kTrialOfB);
  const auto boot = Boot({.disks = {fixture.disk.path()}, .writes = WriteFate::kFailing});
  INFO(boot.log);
  CHECK(boot.kernel == "disk a");
  CHECK_FALSE(boot.Argument("ros.trial").has_value());
  CHECK(fixture.State() == kTrialOfB);
}

TEST_CASE("GRUB: a machine without a serial port boots", "[bootloader][qemu]") {
  const Fixture fixture;
  fixture.SetState(kTrialOfB);
  const auto boot = Boot({.disks = {fixture.disk.path()}, .serial_port = SerialPort::kNone});
  CHECK(boot.started_kernel);
  CHECK(fixture.State() == NextBoot(kTrialOfB, {.a = true, .b = true}).after);
}

TEST_CASE("GRUB: a slot that is chosen in the menu boots, and costs no try", "[bootloader][qemu]") {
  const Fixture fixture;
  fixture.SetState(kTrialOfB);
  auto script = MainGrubConfig();
  const auto replace = [&script](std::string_view from, std::string_view to) {
    script.replace(script.find(from), from.size(), to);
  };
  // A person who holds shift and takes the second entry.
  replace("keystatus --shift", "[ 1 = 1 ]");
  replace("set default=2", "set default=1");
  replace("set timeout=30", "set timeout=1");
  fixture.disk.Put("/grub/grub.cfg", script);
  const auto boot = fixture.BootIt();
  INFO(boot.log);
  CHECK(boot.kernel == "disk b");
  CHECK_FALSE(boot.Argument("ros.trial").has_value());
  CHECK(fixture.State() == kTrialOfB);
}

TEST_CASE("GRUB and ParseGrubEnvironment call the same blocks damaged", "[bootloader][qemu]") {
  const Fixture fixture;
  GrubStore(fixture.disk.Grubenv(), fixture.disk.Grubenv2()).MirrorGood();
  const auto sound = FormatGrubEnvironment({.good = SlotId::kB});
  const auto replaced = [&sound](std::string_view from, std::string_view to) {
    auto block = sound;
    return block.replace(block.find(from), from.size(), to);
  };
  const std::vector<std::string> damaged = {
      std::string(kGrubEnvironmentSize, '\0'),
      std::string(kGrubEnvironmentSize, '\xff'),
      replaced("# GRUB", "# GRAB"),
      replaced("ros_good=b", "ros_good=a"),
      replaced("ros_good=b", "ros_goof=b"),
      replaced("ros_check=b,none,0,0", "ros_check=b,none,0,1"),
      replaced("ros_tries=0", "ros_tries=3"),
      replaced("ros_trial=none\n", std::string(15, '#')),
  };
  for (const auto& block : damaged) {
    auto bytes = block;
    bytes.resize(kGrubEnvironmentSize, '#');
    fixture.disk.Grubenv().Write(0, AsBytes(bytes));
    const auto boot = fixture.BootIt();
    INFO(bytes.substr(0, 120) << "\n" << boot.log);
    CHECK_FALSE(GrubStore(fixture.disk.Grubenv(), fixture.disk.Grubenv2()).Load().first.sound());
    CHECK(boot.kernel == "disk a");
    CHECK_FALSE(boot.Argument("ros.fell").has_value());
  }
}

TEST_CASE("GRUB: starts from either half of its partition", "[bootloader][qemu]") {
  const Fixture fixture;
  const auto parts = BuildGrubParts();
  const auto bios = fixture.disk.BiosPartition();
  const auto spoil = [&](CoreHalf half) {
    const Bytes place = half == CoreHalf::kFirst ? 0 : bios.length() / 2;
    bios.Write(place, AsBytes(std::string(200'000, '\xcc')));
  };
  for (const auto half : {CoreHalf::kSecond, CoreHalf::kFirst}) {
    WriteCoreImage(bios, half, PlaceCoreImage(bios, half, parts), "");
    WriteBootCode(bios, half, parts);
    spoil(Other(half));
    const auto boot = fixture.BootIt();
    INFO(boot.log);
    CHECK(boot.kernel == "disk a");
    CHECK(boot.log.find("ros: GRUB " + parts.version) != std::string::npos);
  }
}

TEST_CASE("GRUB: the core image runs every script that there has been", "[bootloader][qemu]") {
  const Fixture fixture;
  for (int number = 0; number < GrubScriptNumber(MainGrubConfig()); ++number) {
    const auto file = "scripts/" + std::to_string(number) + ".cfg";
    const auto script =
        ReadFile(std::filesystem::path(ROS_TEST_DATA) / "bootloader" / file, Bytes{1} << 20U);
    INFO(file);
    REQUIRE(GrubScriptNumber(script) == number);
    fixture.disk.Put("/grub/grub.cfg", Impatient(script));
    fixture.disk.PutSlot(SlotId::kB, WholeSlot(SlotId::kB, "disk b"));
    fixture.SetState(kTrialOfB);
    const auto trial = fixture.BootIt();
    CHECK(trial.kernel == "disk b");
    CHECK(trial.Argument("ros.trial") == "2");
    CheckPartitions(trial, SlotId::kB, fixture.disk.Table());
    CHECK(fixture.State().trial.value().tries_left == 2);
    auto damaged = WholeSlot(SlotId::kB, "disk b");
    Flip(damaged["kernel"], 0x500);
    fixture.disk.PutSlot(SlotId::kB, damaged);
    const auto fallen = fixture.BootIt();
    CHECK(fallen.kernel == "disk a");
    CHECK(fallen.Argument("ros.fell") == "b");
  }
}

TEST_CASE("GRUB: of two disks, each boots from itself", "[bootloader][qemu]") {
  const TempDirectory scratch("ros-grub-test");
  const GrubDisk one(scratch.path() / "one", BuildGrubParts(), "one");
  // A copy, with the same UUIDs everywhere.
  const GrubDisk two(scratch.path() / "two", one);
  two.PutSlot(SlotId::kA, WholeSlot(SlotId::kA, "two a"));
  two.PutSlot(SlotId::kB, WholeSlot(SlotId::kB, "two b"));
  GrubStore(two.Grubenv(), two.Grubenv2()).Store(kTrialOfB);
  const auto first = Boot({.disks = {one.path(), two.path()}, .boot_from = 0});
  INFO(first.log);
  CHECK(first.kernel == "one a");
  CHECK(GrubStore(two.Grubenv(), two.Grubenv2()).Load().state() == kTrialOfB);
  const auto second = Boot({.disks = {one.path(), two.path()}, .boot_from = 1});
  INFO(second.log);
  CHECK(second.kernel == "two b");
  CHECK(GrubStore(one.Grubenv(), one.Grubenv2()).Load().state() == BootState{});
}

TEST_CASE("GRUB: tells the partitions of the disk that it was started from", "[bootloader][qemu]") {
  const TempDirectory scratch("ros-grub-test");
  const auto parts = BuildGrubParts();
  const GrubDisk one(scratch.path() / "one", parts, "one");
  const GrubDisk two(scratch.path() / "two", parts, "two");
  // The same bytes on both disks.
  const auto files = WholeSlot(SlotId::kB, "b");
  for (const auto* disk : {&one, &two}) {
    disk->PutSlot(SlotId::kB, files);
    GrubStore(disk->Grubenv(), disk->Grubenv2()).Store(kTrialOfB);
  }
  const Machine first{.disks = {one.path(), two.path()}, .boot_from = 0};
  const Machine second{.disks = {one.path(), two.path()}, .boot_from = 1};
  CheckPartitions(Boot(first), SlotId::kB, one.Table());
  CheckPartitions(Boot(second), SlotId::kB, two.Table());
  for (const auto* disk : {&one, &two}) {
    GrubStore(disk->Grubenv(), disk->Grubenv2()).Store({.good = SlotId::kA});
  }
  CheckPartitions(Boot(first), SlotId::kA, one.Table());
  CheckPartitions(Boot(second), SlotId::kA, two.Table());
}

TEST_CASE("GRUB: boots when the change of the partition table was cut off", "[bootloader][qemu]") {
  const Fixture fixture;
  const partitions::TableChange change{.disk_uuid = "0f61a7d0-3c1e-4d3b-8f0a-6f1f5a3c0001",
                                       .partition_uuids = {"0f61a7d0-3c1e-4d3b-8f0a-6f1f5a3c0002",
                                                           "0f61a7d0-3c1e-4d3b-8f0a-6f1f5a3c0003",
                                                           "0f61a7d0-3c1e-4d3b-8f0a-6f1f5a3c0004",
                                                           "0f61a7d0-3c1e-4d3b-8f0a-6f1f5a3c0005",
                                                           "0f61a7d0-3c1e-4d3b-8f0a-6f1f5a3c0006"}};
  constexpr std::uint64_t kWrites = 6;
  constexpr std::uint64_t kSwitch = 2;
  for (std::uint64_t write = 1; write <= kWrites; ++write) {
    const GrubDisk disk(fixture.scratch.path() / std::to_string(write), fixture.disk);
    // A write of one sector is there or not; of a longer one, a part is.
    testing::PowerSupply power(
        {.write = write,
         .moment = write % 2 == 0 ? testing::CutMoment::kAfter : testing::CutMoment::kDuring,
         .unsynced = testing::Unsynced::kKept});
    {
      testing::CrashingDevice device(OpenBlockDevice(disk.path(), DeviceAccess::kWrite), power);
      CHECK_THROWS_AS(partitions::ChangePartitionTable(device, change), testing::PowerCut);
    }
    INFO("cut at write " << write);
    CHECK((disk.Table().uuid == change.disk_uuid) == (write >= kSwitch));
    CheckPartitions(Boot({.disks = {disk.path()}}), SlotId::kA, disk.Table());
  }
}

}  // namespace ros::bootloader::test
