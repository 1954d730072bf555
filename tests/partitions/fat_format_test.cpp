#include "partitions/fat_format.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/error.hpp"

namespace ros::partitions::fat {
namespace {

using literals::operator""_MiB;

// A boot sector as mkfs.fat makes it for 64 MiB with clusters of 512 bytes.
std::vector<std::byte> BootSector() {
  std::vector<std::byte> sector(512);
  StoreLe16(sector, 11, 512);
  sector[13] = std::byte{1};
  StoreLe16(sector, 14, 32);
  sector[16] = std::byte{2};
  StoreLe32(sector, 32, 131072);
  StoreLe32(sector, 36, 1009);
  StoreLe32(sector, 44, 2);
  StoreLe16(sector, 48, 1);
  StoreLe16(sector, 510, 0xaa55);
  return sector;
}

struct Damage {
  std::size_t offset;
  int size;
  std::uint32_t value;
};

}  // namespace

TEST_CASE("ParseGeometry: a sound boot sector", "[partitions]") {
  const auto geometry = ParseGeometry(BootSector(), 64_MiB);
  CHECK(geometry.cluster_size == 512);
  CHECK(geometry.table_offset == 32 * 512);
  CHECK(geometry.data_offset == (32 + 2018) * 512);
  CHECK(geometry.clusters == 131072 - 2050);
  CHECK(geometry.OffsetOf(2) == geometry.data_offset);
  CHECK_FALSE(geometry.IsCluster(1));
  CHECK(geometry.IsCluster(geometry.clusters + 1));
  CHECK_FALSE(geometry.IsCluster(geometry.clusters + 2));
}

TEST_CASE("ParseGeometry: each field that lies is refused", "[partitions]") {
  const auto damage = GENERATE(values<Damage>(
      {{510, 2, 0},  {11, 2, 0},          {11, 2, 513},    {11, 2, 32768},      {13, 1, 0},
       {13, 1, 3},   {14, 2, 0},          {14, 2, 1},      {16, 1, 0},          {16, 1, 3},
       {17, 2, 512}, {22, 2, 8},          {32, 4, 131073}, {32, 4, 0xffffffff}, {32, 4, 2048},
       {36, 4, 0},   {36, 4, 0xffffffff}, {36, 4, 1008},   {42, 2, 1},          {44, 4, 0},
       {44, 4, 1},   {44, 4, 0x0fffffff}, {48, 2, 0},      {48, 2, 0xffff}}));
  auto sector = BootSector();
  if (damage.size == 1) {
    sector[damage.offset] = static_cast<std::byte>(damage.value);
  } else if (damage.size == 2) {
    StoreLe16(sector, damage.offset, static_cast<std::uint16_t>(damage.value));
  } else {
    StoreLe32(sector, damage.offset, damage.value);
  }
  INFO("offset " << damage.offset << " value " << damage.value);
  CHECK_THROWS_AS(ParseGeometry(sector, 64_MiB), Error);
}

TEST_CASE("PackName: 8.3 in upper case only", "[partitions]") {
  CHECK(PackName("KERNEL") == std::array{'K', 'E', 'R', 'N', 'E', 'L', ' ', ' ', ' ', ' ', ' '});
  CHECK(PackName("GRUB.CFG") == std::array{'G', 'R', 'U', 'B', ' ', ' ', ' ', ' ', 'C', 'F', 'G'});
  for (const auto* name :
       {"", "kernel", "NINECHARS", "A.LONG", "A.", ".A", "A B", "A.B.C", "A/B"}) {
    INFO(name);
    CHECK_FALSE(PackName(name).has_value());
  }
}

TEST_CASE("DirectoryEntry: what is stored parses back", "[partitions]") {
  std::vector<std::byte> raw(32, std::byte{0xcc});
  StoreEntry(raw,
             {.name = "GRUB.CFG",
              .attributes = kAttributeArchive,
              .first_cluster = 0x0123456,
              .length = 77});
  CHECK(KindOf(raw) == EntryKind::kUsed);
  const auto entry = ParseEntry(raw);
  CHECK(entry.name == "GRUB.CFG");
  CHECK(entry.first_cluster == 0x0123456);
  CHECK(entry.length == 77);
  CHECK_FALSE(entry.IsDirectory());
  raw[0] = std::byte{0xe5};
  CHECK(KindOf(raw) == EntryKind::kUnused);
  raw[0] = std::byte{0};
  CHECK(KindOf(raw) == EntryKind::kEnd);
}

}  // namespace ros::partitions::fat
