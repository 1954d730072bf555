#include "partitions/partition_search.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "partitions/partition_table.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/partitions/system_tree.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

// Puts a disk of ours into the tree, as the kernel would show it.
LayoutPlan Attach(const SystemTree& tree,
                  MemoryDisk& disk,
                  const std::string& name,
                  const std::string& major) {
  const auto plan = PlanFor(disk);
  WritePartitionTable(disk, plan);
  tree.AddDisk(name, major + ":0", disk.size());
  tree.Put("sys/block/" + name + "/queue/logical_block_size",
           std::to_string(disk.sector_size()) + "\n");
  std::filesystem::create_symlink(disk.name(), tree.Path("dev/" + name));
  for (const auto& partition : plan.partitions) {
    const auto number = PartitionNumber(partition.role);
    tree.AddPartition(name,
                      name + "p" + std::to_string(number),
                      number,
                      major + ":" + std::to_string(number),
                      partition.offset,
                      partition.length);
  }
  return plan;
}

}  // namespace

TEST_CASE("FindPartition: by UUID in any case", "[partitions]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const SystemTree tree;
  MemoryDisk disk(512_MiB, sector_size);
  const auto plan = Attach(tree, disk, "nvme0n1", "259");
  const auto nodes = ListPartitions(tree.paths());
  REQUIRE(nodes.size() == 5);
  auto uuid = plan.Get(PartitionRole::kSlotB).uuid;
  const auto node = FindPartition(nodes, uuid).value();
  CHECK(node.node == tree.Path("dev/nvme0n1p4"));
  CHECK(node.disk == tree.Path("dev/nvme0n1"));
  CHECK(node.name == "ROS-B");
  CHECK(node.device_number == "259:4");
  CHECK(node.length == 16_MiB);
  for (auto& c : uuid) {
    c = static_cast<char>(std::toupper(c));
  }
  CHECK(FindPartition(nodes, uuid) == node);
  CHECK_FALSE(FindPartition(nodes, kSeed).has_value());
}

TEST_CASE("FindPartition: two copies of a disk are named, nothing is guessed", "[partitions]") {
  const SystemTree tree;
  MemoryDisk disk(512_MiB);
  MemoryDisk copy(512_MiB);
  const auto plan = Attach(tree, disk, "vda", "252");
  Attach(tree, copy, "vdb", "253");
  const auto nodes = ListPartitions(tree.paths());
  REQUIRE(nodes.size() == 10);
  try {
    FindPartition(nodes, plan.Get(PartitionRole::kBoot).uuid);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
    CHECK_THAT(error.message(), Catch::Contains("dev/vda") && Catch::Contains("dev/vdb"));
  }
}

TEST_CASE("ListPartitions: disks that cannot be read are passed over", "[partitions]") {
  const SystemTree tree;
  CHECK(ListPartitions(tree.paths()).empty());
  MemoryDisk disk(512_MiB);
  Attach(tree, disk, "vda", "252");
  tree.AddDisk("sr0", "11:0", 0);
  tree.AddDisk("sdq", "65:0", 1_GiB);
  tree.AddPartition("sdq", "sdq1", 1, "65:1", 1_MiB, 1_MiB);  // no node in /dev
  CHECK(ListPartitions(tree.paths()).size() == 5);
}

TEST_CASE("ListPartitions: what kernel and disk do not agree on is not used", "[partitions]") {
  const SystemTree tree;
  MemoryDisk disk(512_MiB);
  WritePartitionTable(disk, PlanFor(disk));
  tree.AddDisk("vda", "252:0", disk.size());
  std::filesystem::create_symlink(disk.name(), tree.Path("dev/vda"));
  tree.AddPartition("vda", "vda1", 1, "252:1", 1_MiB, 1_MiB);
  tree.AddPartition("vda", "vda2", 2, "252:2", 100_MiB, 1_MiB);
  const auto nodes = ListPartitions(tree.paths());
  REQUIRE(nodes.size() == 1);
  CHECK(nodes.front().number == 1);
}

}  // namespace ros::partitions
