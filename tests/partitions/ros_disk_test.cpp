#include "partitions/ros_disk.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "partitions/partition_table.hpp"
#include "partitions/table_change.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/partitions/system_tree.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

// A machine with one disk of ours; its partition nodes are files of their own.
struct Machine {
  SystemTree tree;
  MemoryDisk disk{512_MiB};
  LayoutPlan plan = PlanFor(disk);
  std::vector<std::unique_ptr<MemoryDisk>> nodes;

  Machine() {
    WritePartitionTable(disk, plan);
    tree.AddDisk("vda", "252:0", disk.size());
    std::filesystem::create_symlink(disk.name(), tree.Path("dev/vda"));
    for (const auto& partition : plan.partitions) {
      const auto number = PartitionNumber(partition.role);
      const auto name = "vda" + std::to_string(number);
      tree.AddPartition(
          "vda", name, number, "252:" + std::to_string(number), partition.offset, partition.length);
      nodes.push_back(std::make_unique<MemoryDisk>(partition.length));
      std::filesystem::create_symlink(nodes.back()->name(), tree.Path("dev/" + name));
    }
  }

  [[nodiscard]] RosDisk Find() const { return FindRosDisk("252:5", tree.paths()); }
};

}  // namespace

TEST_CASE("OpenRosDisk: regions of a disk image", "[partitions]") {
  MemoryDisk disk(512_MiB);
  const auto plan = PlanFor(disk);
  WritePartitionTable(disk, plan);
  const auto found = OpenRosDisk(disk.name());
  CHECK(found.uuid == plan.disk_uuid);
  for (const auto role : kPartitionRoles) {
    const auto region = OpenPartition(found, role, DeviceAccess::kRead);
    CHECK(region.offset() == plan.Get(role).offset);
    CHECK(region.length() == plan.Get(role).length);
    CHECK(region.device()->name() == disk.name());
    CHECK(found.Get(role).uuid == plan.Get(role).uuid);
  }
  OpenPartition(found, PartitionRole::kBoot, DeviceAccess::kWrite).Write(0, AsBytes("boot"));
  CHECK(ReadText(OpenPartition(found, PartitionRole::kBoot, DeviceAccess::kRead), 4) == "boot");
  std::vector<std::byte> bytes(4);
  disk.Read(plan.Get(PartitionRole::kBoot).offset, bytes);
  CHECK(AsText(bytes) == "boot");
}

TEST_CASE("OpenRosDisk: a disk that is not ours is refused with what is missing", "[partitions]") {
  MemoryDisk disk(512_MiB);
  CHECK_THROWS_WITH(OpenRosDisk(disk.name()), Catch::Contains("no GPT partition table"));
  REQUIRE(RunProcess({.argv = {"sfdisk", "-q", disk.name()},
                      .input = "label: gpt\nsize=1M, name=ROS-BIOS\nsize=9M, name=other\n"})
              .exit_code == 0);
  CHECK_THROWS_WITH(OpenRosDisk(disk.name()), Catch::Contains("no partition ROS-BOOT"));
  CHECK_THROWS_AS(OpenRosDisk("/nowhere/at/all"), Error);
}

TEST_CASE("FindRosDisk: the live machine's partitions are used through their nodes",
          "[partitions]") {
  const Machine machine;
  const auto disk = machine.Find();
  CHECK(disk.path == machine.tree.Path("dev/vda"));
  const auto region =
      OpenPartition(disk, PartitionRole::kSlotB, DeviceAccess::kWrite, machine.tree.paths());
  CHECK(region.offset() == 0);
  CHECK(region.length() == 16_MiB);
  region.Write(0, AsBytes("slot b"));
  CHECK(ReadText(
            Region(std::shared_ptr<BlockDevice>(std::shared_ptr<void>(), machine.nodes[3].get())),
            6) == "slot b");
  // But for the one whose content depends on where it is on the disk.
  const auto bios =
      OpenPartition(disk, PartitionRole::kBios, DeviceAccess::kRead, machine.tree.paths());
  CHECK(bios.offset() == 1_MiB);
  CHECK(bios.length() == 1_MiB);
  CHECK(bios.device()->name() == disk.path);
  CHECK_THROWS_WITH(FindRosDisk("252:6", machine.tree.paths()), Catch::Contains("252:6"));
  CHECK_THROWS_WITH(FindRosDisk("252:2", machine.tree.paths()),
                    Catch::Contains("is not ROS-STATE of"));
}

TEST_CASE("FindRosDisk: a disk whose UUIDs change while it runs is found", "[partitions]") {
  Machine machine;
  const auto before = machine.Find();
  TableChange change{.disk_uuid = UuidFromSeed(kSeed, "new disk")};
  for (const auto role : kPartitionRoles) {
    change.partition_uuids.push_back(
        UuidFromSeed(kSeed, "new " + std::string(PartitionName(role))));
  }
  ChangePartitionTable(machine.disk, change);
  auto expected = before;
  expected.uuid = change.disk_uuid;
  for (std::size_t i = 0; i < expected.partitions.size(); ++i) {
    expected.partitions[i].uuid = change.partition_uuids[i];
  }
  CHECK(machine.Find() == expected);
}

TEST_CASE("OpenPartition: ROS-BOOT that is mounted read-write is refused for writing",
          "[partitions]") {
  const Machine machine;
  const auto disk = machine.Find();
  const auto open = [&](DeviceAccess access) {
    return OpenPartition(disk, PartitionRole::kBoot, access, machine.tree.paths());
  };
  machine.tree.Put("proc/self/mountinfo", "30 1 252:2 / /boot ro - vfat /dev/vda2 ro\n");
  CHECK_NOTHROW(open(DeviceAccess::kWrite));
  machine.tree.Put("proc/self/mountinfo", "31 1 252:2 / /efi ro - vfat /dev/vda2 rw\n");
  CHECK_NOTHROW(open(DeviceAccess::kRead));
  try {
    open(DeviceAccess::kWrite);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
    CHECK_THAT(error.message(), Catch::Contains("mounted read-write at /efi"));
  }
}

}  // namespace ros::partitions
