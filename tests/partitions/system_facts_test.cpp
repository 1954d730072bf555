#include "partitions/system_facts.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/partitions/system_tree.hpp"

namespace ros::partitions {
namespace {

SystemTree TwoDisks() {
  SystemTree tree;
  tree.AddDisk("sda", "8:0", 1_GiB);
  tree.AddPartition("sda", "sda1", 1, "8:1", 1_MiB, 16_MiB);
  tree.AddPartition("sda", "sda2", 2, "8:2", 17_MiB, 16_MiB);
  tree.AddDisk("sdb", "8:16", 2_GiB, "pci0/usb1/host1");
  return tree;
}

DiskFacts FactsOf(const SystemTree& tree, const std::string& number) {
  DiskFacts facts{.path = "/dev/it"};
  AddSystemFacts(facts, number, tree.paths());
  return facts;
}

}  // namespace

TEST_CASE("AddSystemFacts: a whole disk that nobody uses", "[partitions]") {
  const auto tree = TwoDisks();
  tree.Put("sys/block/sdb/device/model", "Flash Disk      \n");
  tree.Put("sys/block/sdb/device/serial", "  1234\n");
  tree.Put("sys/block/sdb/queue/logical_block_size", "4096\n");
  const auto facts = FactsOf(tree, "8:16");
  CHECK(facts.kind == TargetKind::kWholeDisk);
  CHECK(facts.size == 2_GiB);
  CHECK(facts.sector_size == 4096);
  CHECK(facts.physical_sector_size == 4096);
  CHECK(facts.model == "Flash Disk");
  CHECK(facts.serial == "1234");
  CHECK(facts.transport == "usb");
  CHECK(facts.in_use.empty());
  CHECK_FALSE(facts.read_only);
  CHECK_FALSE(RefusalFor(facts).has_value());
}

TEST_CASE("AddSystemFacts: where a disk is plugged in", "[partitions]") {
  SystemTree tree;
  const auto location = [&](const std::string& name, const std::string& where) {
    tree.AddDisk(name, name, 1_GiB, where);
    return FactsOf(tree, name).location;
  };
  CHECK(location("sda", "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0") ==
        "0000:00:1f.2/ata1/0:0:0:0");
  CHECK(location("vda", "pci0000:00/0000:00:01.0/0000:01:00.0/virtio1") == "0000:01:00.0/virtio1");
  CHECK(location("sdc", "pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0/host6/target6:0:0/6:0:0:0") ==
        "0000:00:04.0/usb1/1-1/1-1:1.0/6:0:0:0");
  CHECK(location("mmcblk0", "pci0000:00/0000:00:06.0/mmc_host/mmc0/mmc0:4567") ==
        "0000:00:06.0/mmc_host/mmc0/mmc0:4567");
  CHECK(FactsOf(tree, "sda").node == "/dev/sda");

  INFO("where udev has made links, they are what a person can use");
  tree.Put("dev/sda", "");
  tree.Put("dev/vda", "");
  std::filesystem::create_directories(tree.Path("dev/disk/by-path"));
  std::filesystem::create_symlink("../../sda", tree.Path("dev/disk/by-path/pci-0-ata-1"));
  std::filesystem::create_symlink("../../sda", tree.Path("dev/disk/by-path/pci-0-ata-1.0"));
  std::filesystem::create_symlink("../../gone", tree.Path("dev/disk/by-path/a-broken-one"));
  CHECK(FactsOf(tree, "sda").location == "/dev/disk/by-path/pci-0-ata-1");
  CHECK(FactsOf(tree, "vda").location == "0000:01:00.0/virtio1");
}

TEST_CASE("AddSystemFacts: a memory card has a name and no model", "[partitions]") {
  const SystemTree tree;
  tree.AddDisk("mmcblk0", "179:0", 1_GiB, "pci0/0000:00:06.0/mmc_host/mmc0/mmc0:4567");
  tree.Put("sys/block/mmcblk0/device/name", "SD32G\n");
  tree.Put("sys/block/mmcblk0/device/serial", "0x1234abcd\n");
  const auto facts = FactsOf(tree, "179:0");
  CHECK(facts.model == "SD32G");
  CHECK(facts.serial == "0x1234abcd");
  CHECK(facts.transport == "mmc");
}

TEST_CASE("AddSystemFacts: a partition names its disk", "[partitions]") {
  const auto facts = FactsOf(TwoDisks(), "8:2");
  CHECK(facts.kind == TargetKind::kPartition);
  CHECK(facts.parent == "/dev/sda");
  CHECK(facts.size == 16_MiB);
  const auto refusal = RefusalFor(facts).value();
  CHECK(refusal.kind() == ErrorKind::kUsage);
  CHECK_THAT(refusal.message(),
             Catch::Contains("/dev/it is a partition; name the whole disk: /dev/sda"));
}

TEST_CASE("AddSystemFacts: mounts, also of a file system without a device number", "[partitions]") {
  const auto tree = TwoDisks();
  tree.Put("proc/self/mountinfo",
           "30 1 8:2 / /mnt/my\\040disk rw,relatime shared:1 - ext4 /dev/root rw\n"
           "31 1 0:44 / /data rw - btrfs /dev/sda1 rw\n"
           "32 1 0:5 / /proc rw - proc proc rw\n");
  const auto facts = FactsOf(tree, "8:0");
  CHECK(facts.in_use == std::vector<std::string>{"/dev/sda1 is mounted at /data",
                                                 "/dev/sda2 is mounted at /mnt/my disk"});
  const auto refusal = RefusalFor(facts).value();
  CHECK(refusal.kind() == ErrorKind::kRefused);
  CHECK_THAT(refusal.message(), Catch::Contains("is in use: /dev/sda1 is mounted at /data; "));
  CHECK(FactsOf(tree, "8:16").in_use.empty());
}

TEST_CASE("AddSystemFacts: swap and holders", "[partitions]") {
  const auto tree = TwoDisks();
  tree.Put("proc/swaps", "/dev/sda1 partition 1000 0 -2\n");
  std::filesystem::create_directories(tree.Path("sys/block/sda/sda2/holders/dm-0/dm"));
  tree.Put("sys/block/sda/sda2/holders/dm-0/dm/name", "vg-home\n");
  std::filesystem::create_directories(tree.Path("sys/block/sda/holders/md0"));
  CHECK(FactsOf(tree, "8:0").in_use ==
        std::vector<std::string>{"/dev/sda is held by /dev/md0",
                                 "/dev/sda1 is used as swap",
                                 "/dev/sda2 is held by /dev/dm-0 (vg-home)"});
}

TEST_CASE("AddSystemFacts: the disk that the system runs from, through dm-verity", "[partitions]") {
  const auto tree = TwoDisks();
  tree.AddDisk("dm-0", "254:0", 16_MiB, "virtual");
  std::filesystem::create_directories(tree.Path("sys/block/dm-0/slaves"));
  std::filesystem::create_directory_symlink(tree.Path("sys/dev/block/8:2"),
                                            tree.Path("sys/block/dm-0/slaves/sda2"));
  tree.Put("proc/self/mountinfo", "30 1 254:0 / / ro - erofs /dev/mapper/root ro\n");
  const auto facts = FactsOf(tree, "8:0");
  REQUIRE(facts.in_use.size() == 1);
  CHECK(facts.in_use.front() == "this system runs from it");
  CHECK(FactsOf(tree, "8:16").in_use.empty());
}

TEST_CASE("AddSystemFacts: read-only, no medium, unknown", "[partitions]") {
  const auto tree = TwoDisks();
  tree.AddDisk("sdc", "8:32", 0);
  CHECK_THAT(RefusalFor(FactsOf(tree, "8:32"))->message(), Catch::Contains("has no medium"));
  std::filesystem::remove(tree.Path("sys/block/sdb/ro"));
  tree.Put("sys/block/sdb/ro", "1\n");
  const auto refusal = RefusalFor(FactsOf(tree, "8:16")).value();
  CHECK(refusal.kind() == ErrorKind::kRefused);
  CHECK_THAT(refusal.message(), Catch::Contains("is read-only"));
  CHECK_THROWS_AS(FactsOf(tree, "9:9"), Error);
}

TEST_CASE("UsersOfFile: a loop device", "[partitions]") {
  const auto tree = TwoDisks();
  tree.AddDisk("loop3", "7:3", 1_GiB, "virtual");
  tree.Put("sys/block/loop3/loop/backing_file", "/var/disk.img\n");
  CHECK(UsersOfFile("/var/disk.img", tree.paths()) ==
        std::vector<std::string>{"/var/disk.img is attached to /dev/loop3"});
  CHECK(UsersOfFile("/var/other.img", tree.paths()).empty());
}

TEST_CASE("ListMounts: lines of any shape", "[partitions]") {
  const SystemTree tree;
  tree.Put("proc/self/mountinfo",
           "\nnonsense\n1 2 8:1 / /x rw shared:1 master:2 - ext4 /dev/sda1 ro,noatime\n"
           "1 2 8:2 / /y ro - vfat /dev/sda2 rw,utf8\n1 2 8:3 / /z ro -\n");
  const auto mounts = ListMounts(tree.paths());
  REQUIRE(mounts.size() == 2);
  CHECK(mounts[0].mount_point == "/x");
  CHECK_FALSE(mounts[0].writable);
  CHECK(mounts[1].writable);
}

}  // namespace ros::partitions
