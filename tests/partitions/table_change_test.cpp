#include "partitions/table_change.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "partitions/partition_table.hpp"
#include "tests/partitions/disk_fixture.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

constexpr Bytes kDisk = 256_MiB;
// Each byte differs, so that the order of each part shows.
const std::string kUuid = "01234567-89ab-4def-8123-456789abcdef";

TableChange FiveNew() {
  TableChange change{.disk_uuid = kUuid};
  for (const char number : std::string("12345")) {
    change.partition_uuids.push_back(UuidFromSeed(kSeed, std::string("new ") + number));
  }
  return change;
}

std::vector<std::byte> Content(const BlockDevice& disk, Bytes offset, Bytes length) {
  std::vector<std::byte> content(length);
  disk.Read(offset, content);
  return content;
}

void Spoil(BlockDevice& disk, Bytes offset) {
  auto byte = Content(disk, offset, 1);
  byte[0] ^= std::byte{1};
  disk.Write(offset, byte);
}

std::string Refusal(const std::shared_ptr<BlockDevice>& disk, const TableChange& change) {
  testing::PowerSupply power;
  testing::CrashingDevice device(disk, power);
  try {
    ChangePartitionTable(device, change);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
    CHECK(power.writes() == 0);
    return error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("ChangePartitionTable: the UUIDs are new and all else is as it was", "[partitions]") {
  const auto sector_size = GENERATE(512U, 4096U);
  const auto disk = std::make_shared<MemoryDisk>(kDisk, sector_size);
  WritePartitionTable(*disk, PlanFor(*disk));
  const auto before = ReadPartitionTable(*disk);
  const auto mbr = Content(*disk, 0, sector_size);
  const auto change = FiveNew();
  testing::PowerSupply power;
  {
    testing::CrashingDevice device(disk, power);
    ChangePartitionTable(device, change);
  }

  auto expected = before;
  expected.uuid = change.disk_uuid;
  for (std::size_t i = 0; i < expected.partitions.size(); ++i) {
    expected.partitions[i].uuid = change.partition_uuids.at(i);
  }
  CHECK(ReadPartitionTable(*disk) == expected);
  CHECK(Content(*disk, 0, sector_size) == mbr);
  for (const auto& write : power.events()) {
    CHECK((write.offset + write.length <= 1_MiB || write.offset >= kDisk - 1_MiB));
  }
}

TEST_CASE("ChangePartitionTable: attributes and partitions of others stay", "[partitions]") {
  const TempDirectory scratch("ros-table");
  const auto path = scratch.path() / "disk";
  CreateFileDurably(path, {});
  std::filesystem::resize_file(path, kDisk);
  const std::string other = UuidFromSeed(kSeed, "other");
  RunTool({.argv = {"sfdisk", "-q", path.string()},
           .input = "label: gpt\n"
                    "size=1MiB, name=\"one\", attrs=\"GUID:60,63\"\n"
                    "size=1MiB, name=\"two\", uuid=" +
                    other + "\n"});
  ChangePartitionTable(*OpenBlockDevice(path, DeviceAccess::kWrite),
                       {.disk_uuid = kUuid, .partition_uuids = {UuidFromSeed(kSeed, "one")}});
  CHECK_THAT(Run({"sfdisk", "--verify", path.string()}).out, Catch::Contains("No errors detected"));
  const auto dump = Run({"sfdisk", "-d", path.string()}).out;
  CHECK_THAT(dump, Catch::Contains("label-id: " + kUuid, Catch::CaseSensitive::No));
  CHECK_THAT(dump, Catch::Contains("name=\"one\", attrs=\"GUID:60,63\""));
  CHECK_THAT(dump, Catch::Contains("uuid=" + other + ", name=\"two\"", Catch::CaseSensitive::No));
}

TEST_CASE("ChangePartitionTable: refuses a table that is not sound, and writes nothing",
          "[partitions]") {
  const auto disk = std::make_shared<MemoryDisk>(kDisk);
  CHECK_THAT(Refusal(disk, FiveNew()), Catch::Contains("has no sound primary partition table"));
  WritePartitionTable(*disk, PlanFor(*disk));
  auto six = FiveNew();
  six.partition_uuids.push_back(kUuid);
  CHECK_THAT(Refusal(disk, six), Catch::EndsWith("has no partition 6"));
  six.partition_uuids.resize(129, kUuid);
  CHECK_THAT(Refusal(disk, six), Catch::Contains("has no partition"));
  // The backup would still do for libblkid, and not for GRUB.
  Spoil(*disk, 512 + 56);
  CHECK_THAT(Refusal(disk, FiveNew()), Catch::Contains("has no sound primary partition table"));
  Spoil(*disk, 512 + 56);
  Spoil(*disk, 1024 + 56);
  CHECK_THAT(Refusal(disk, FiveNew()), Catch::Contains("whose entries are damaged"));
}

TEST_CASE("ChangePartitionTable: refuses where a partition begins too early", "[partitions]") {
  const TempDirectory scratch("ros-table");
  const auto path = scratch.path() / "disk";
  CreateFileDurably(path, {});
  std::filesystem::resize_file(path, kDisk);
  RunTool({.argv = {"sfdisk", "-q", path.string()},
           .input = "label: gpt\nfirst-lba: 34\nstart=34, size=1MiB\n"});
  const auto disk = OpenBlockDevice(path, DeviceAccess::kWrite);
  CHECK_THAT(Refusal(disk, {.disk_uuid = kUuid, .partition_uuids = {kUuid}}),
             Catch::Contains("has no room for a second copy"));
}

}  // namespace ros::partitions
