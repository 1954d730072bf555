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

TEST_CASE("ListDisks: each kind by its name, without what only looks like a disk", "[partitions]") {
  const SystemTree tree;
  const auto add = [&](const std::string& name) {
    tree.AddDisk(name, name, 1_GiB);
    tree.Put("sys/block/" + name + "/device/type", "0\n");
  };
  for (const auto* name : {"sda", "vda", "xvda", "nvme0n1", "mmcblk0", "mmcblk1"}) {
    add(name);
  }
  for (const auto* name :
       {"mmcblk0boot0", "mmcblk0boot1", "mmcblk0rpmb", "mmcblk0gp0", "fd0", "sr1"}) {
    add(name);
  }
  // The path to nvme0n1 through its controller.
  add("nvme0c0n1");
  tree.Put("sys/block/nvme0c0n1/hidden", "1\n");
  tree.Put("sys/block/nvme0n1/hidden", "0\n");
  for (const auto* name : {"zram0", "ram0", "dm-0", "md0", "nbd0"}) {
    tree.AddDisk(name, name, 1_GiB, "virtual");
  }
  std::vector<std::string> names;
  for (const auto& disk : ListDisks(tree.paths())) {
    names.push_back(disk.filename().string());
  }
  CHECK(names == std::vector<std::string>{"mmcblk0", "mmcblk1", "nvme0n1", "sda", "vda", "xvda"});
}

}  // namespace ros::partitions
