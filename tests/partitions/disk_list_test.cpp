#include "partitions/disk_list.hpp"

#include <catch2/catch.hpp>

#include "tests/partitions/disk_fixture.hpp"
#include "tests/partitions/system_tree.hpp"

namespace ros::partitions {

TEST_CASE("ListDisks: whole disks with hardware behind them", "[partitions]") {
  const SystemTree tree;
  CHECK(ListDisks(tree.paths()).empty());
  tree.AddDisk("sdb", "8:16", 1_GiB);
  tree.Put("sys/block/sdb/device/model", "Second\n");
  tree.AddDisk("sda", "8:0", 1_GiB);
  tree.Put("sys/block/sda/device/model", "First\n");
  tree.AddPartition("sda", "sda1", 1, "8:1", 1_MiB, 16_MiB);
  tree.AddDisk("cciss!c0d0", "104:0", 1_GiB);
  tree.Put("sys/block/cciss!c0d0/device/model", "Old\n");
  tree.AddDisk("loop0", "7:0", 1_GiB, "virtual");
  tree.AddDisk("sr0", "11:0", 1_GiB);
  tree.Put("sys/block/sr0/device/model", "DVD\n");
  CHECK(ListDisks(tree.paths()) == std::vector<std::filesystem::path>{tree.Path("dev/cciss/c0d0"),
                                                                      tree.Path("dev/sda"),
                                                                      tree.Path("dev/sdb")});
}

}  // namespace ros::partitions
