#include "partitions/disk_facts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "partitions/partition_table.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/partitions/system_tree.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

ErrorKind RefusalKind(const DiskFacts& facts) {
  return RefusalFor(facts).value().kind();
}

}  // namespace

TEST_CASE("InspectDisk: missing, a directory, a character device", "[partitions]") {
  const TempDirectory directory;
  const auto missing = InspectDisk(directory.path() / "sda");
  CHECK(missing.kind == TargetKind::kMissing);
  CHECK(RefusalKind(missing) == ErrorKind::kUsage);
  CHECK_THAT(RefusalFor(missing)->message(), Catch::StartsWith("there is no "));
  CHECK(InspectDisk(directory.path()).kind == TargetKind::kOther);
  CHECK(InspectDisk("/dev/null").kind == TargetKind::kOther);
  CHECK(RefusalKind(InspectDisk("/dev/null")) == ErrorKind::kUsage);
}

TEST_CASE("InspectDisk: an empty disk image", "[partitions]") {
  const SystemTree tree;
  MemoryDisk disk(64_MiB, 512, 0);
  const auto facts = InspectDisk(disk.name(), tree.paths());
  CHECK(facts.kind == TargetKind::kImageFile);
  CHECK(facts.size == 64_MiB);
  CHECK(facts.sector_size == 512);
  CHECK_FALSE(facts.HoldsData());
  CHECK_FALSE(RefusalFor(facts).has_value());
}

TEST_CASE("InspectDisk: one byte that is not zero is data, wherever it is in a file",
          "[partitions]") {
  const SystemTree tree;
  const Bytes at = GENERATE(Bytes{0}, 5_MiB + 17, 64_MiB - 1);
  MemoryDisk disk(64_MiB, 512, 0);
  // Zeros that are stored are no data.
  disk.Write(4_MiB, std::vector<std::byte>(3_MiB));
  REQUIRE_FALSE(InspectDisk(disk.name(), tree.paths()).HoldsData());
  disk.Write(at, AsBytes("x"));
  const auto facts = InspectDisk(disk.name(), tree.paths());
  CHECK(facts.HoldsData());
  CHECK(facts.unknown_data == at);
  CHECK_FALSE(RefusalFor(facts).has_value());
}

TEST_CASE("InspectDisk: a table and what is in its partitions", "[partitions]") {
  MemoryDisk disk(512_MiB);
  const auto plan = PlanFor(disk);
  WritePartitionTable(disk, plan);
  const auto slot = plan.Get(PartitionRole::kSlotB);
  Run({"mke2fs",
       "-q",
       "-F",
       "-t",
       "ext4",
       "-L",
       "photos",
       "-E",
       "offset=" + std::to_string(slot.offset),
       disk.name(),
       "16m"});
  const auto facts = InspectDisk(disk.name());
  CHECK(facts.HoldsData());
  CHECK(facts.table.type == TableType::kGpt);
  REQUIRE(facts.table.partitions.size() == 5);
  CHECK(facts.table.partitions[3].file_system == "ext4");
  CHECK(facts.table.partitions[3].label == "photos");
  CHECK(facts.table.partitions[2].file_system.empty());
  CHECK(facts.signatures.empty());
}

TEST_CASE("InspectDisk: a DOS table with a logical partition", "[partitions]") {
  MemoryDisk disk(64_MiB);
  REQUIRE(RunProcess({.argv = {"sfdisk", "-q", disk.name()},
                      .input = "label: dos\nsize=4M, type=83\nsize=4M, type=c\nsize=4M, type=82\n"
                               "size=16M, type=5\nsize=4M, type=83\n"})
              .exit_code == 0);
  const auto facts = InspectDisk(disk.name());
  CHECK(facts.table.type == TableType::kDos);
  REQUIRE(facts.table.partitions.size() == 5);
  CHECK(facts.table.partitions[1].type == "0xc");
  CHECK(facts.table.partitions[4].number == 5);
  CHECK(facts.table.partitions[4].length == 4_MiB);
}

TEST_CASE("InspectDisk: a file system or LUKS on the whole disk", "[partitions]") {
  MemoryDisk disk(64_MiB);
  Run({"mke2fs", "-q", "-F", "-t", "ext4", "-L", "all", disk.name()});
  auto facts = InspectDisk(disk.name());
  CHECK(facts.table.type == TableType::kNone);
  REQUIRE(facts.signatures.size() == 1);
  CHECK(facts.signatures[0].type == "ext4");
  CHECK(facts.signatures[0].label == "all");
  CHECK(facts.signatures[0].offset == 1080);
  CHECK(facts.HoldsData());

  MemoryDisk luks(64_MiB, 512, 0);
  luks.Write(0, AsBytes(std::string_view("LUKS\xba\xbe\0\1", 8)));
  facts = InspectDisk(luks.name());
  REQUIRE_FALSE(facts.signatures.empty());
  CHECK(facts.signatures[0].type == "crypto_LUKS");
}

TEST_CASE("InspectDisk: an image that another program has locked is in use", "[partitions]") {
  const TempDirectory directory;
  const auto path = directory.path() / "disk.img";
  WriteFileAtomically(path, AsBytes(std::string(1_MiB, '\0')));
  CHECK_FALSE(RefusalFor(InspectDisk(path)).has_value());
  const auto machine = OpenFile(path, O_RDWR);

  struct flock lock {};

  // As QEMU does it: a shared lock on one byte.
  lock.l_type = F_RDLCK;
  lock.l_start = 100;
  lock.l_len = 1;
  REQUIRE(::fcntl(machine.get(), F_OFD_SETLK, &lock) == 0);
  const auto facts = InspectDisk(path);
  CHECK_THAT(RefusalFor(facts).value().message(), Catch::Contains("locked"));
  CHECK(RefusalKind(facts) == ErrorKind::kRefused);
}

TEST_CASE("InspectDisk: partitions beyond the end of the disk are only told", "[partitions]") {
  MemoryDisk disk(512_MiB);
  WritePartitionTable(disk, PlanFor(disk));
  // The beginning of that disk on a smaller one.
  MemoryDisk cut(64_MiB);
  std::vector<std::byte> head(1_MiB);
  disk.Read(0, head);
  cut.Write(0, head);
  CHECK_NOTHROW(InspectDisk(cut.name()));
}

}  // namespace ros::partitions
