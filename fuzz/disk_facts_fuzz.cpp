#include <algorithm>

#include "fuzz/sealed_gpt.hpp"
#include "fuzz/target.hpp"
#include "partitions/disk_facts.hpp"
#include "partitions/partition_table.hpp"
#include "partitions/signature_wipe.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::fuzz {
namespace {

using literals::operator""_KiB;
using literals::operator""_MiB;
using partitions::DiskFacts;
using partitions::PartitionRole;
using testing::MemoryDisk;

constexpr Bytes kDiskSize = 128_MiB;
constexpr Bytes kSector = 512;

// Of the input's first byte.
enum Flags : unsigned { kHasTable = 1, kSealTable = 2, kWipe = 4 };

const partitions::LayoutPlan& Plan() {
  static const auto kPlan =
      partitions::PlanLayout({.name = "disk", .size = kDiskSize},
                             {.root_bytes = 1_MiB,
                              .slot = 16_MiB,
                              .boot = 40_MiB,
                              .state_minimum = 16_MiB,
                              .seed = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a11"});
  return kPlan;
}

// Where tables, file systems, LVM, RAID and the like have their magic numbers.
const std::vector<Bytes>& Places() {
  static const auto kPlaces = [] {
    std::vector<Bytes> places;
    const auto add = [&](Bytes begin, Bytes length) {
      for (const Bytes at : {Bytes{0},
                             Bytes{1_KiB},
                             Bytes{4_KiB},
                             Bytes{8_KiB},
                             Bytes{32_KiB},
                             Bytes{64_KiB},
                             Bytes{2_MiB},
                             length - 64_KiB,
                             length - 8_KiB,
                             length - kSector}) {
        places.push_back(begin + std::min(at, length - kSector));
      }
    };
    add(0, kDiskSize);
    for (const auto& partition : Plan().partitions) {
      add(partition.offset, partition.length);
    }
    places.push_back(kSector);
    places.push_back(2 * kSector);
    places.push_back(kDiskSize - 33 * kSector);
    return places;
  }();
  return kPlaces;
}

// An empty disk, or one with our table, and on it what the input says: a place, an offset from
// there, and the bytes that are there.
void Fill(MemoryDisk& disk, unsigned flags, Input& input) {
  if ((flags & kHasTable) != 0) {
    partitions::WritePartitionTable(disk, Plan());
  }
  while (!input.empty()) {
    const auto offset = Places()[input.Below(Places().size(), 1)] + input.Number(2);
    const auto bytes = input.Take(input.Number(1));
    if (offset + bytes.size() <= kDiskSize) {
      disk.Write(offset, bytes);
    }
  }
  if ((flags & kSealTable) != 0) {
    SealPrimaryGpt(disk);
  }
}

DiskFacts Inspect(const MemoryDisk& disk) {
  // Who uses the file is not asked: nothing is mounted here.
  return partitions::InspectDisk(disk.name(),
                                 {.sys = "/nothing", .proc = "/nothing", .dev = "/nothing"});
}

void CheckFacts(const DiskFacts& facts) {
  Expect(facts.size == kDiskSize && facts.kind == partitions::TargetKind::kImageFile,
         "the disk is as large as it is");
  for (const auto& signature : facts.signatures) {
    Expect(signature.offset <= kDiskSize && signature.length <= kDiskSize - signature.offset,
           "a signature lies on the disk");
  }
  Expect(!facts.unknown_data || *facts.unknown_data < kDiskSize, "data lies on the disk");
}

// What `ros install` does, up to the file systems.
void CheckWiped(MemoryDisk& disk, const DiskFacts& facts) {
  partitions::WipeSignatures(disk, Plan(), facts);
  const auto wiped = Inspect(disk);
  Expect(wiped.table.type == partitions::TableType::kNone, "no table is left");
  Expect(wiped.signatures.empty(), "no signature is left on the disk");
  partitions::WritePartitionTable(disk, Plan());
  const auto made = Inspect(disk);
  Expect(made.signatures.empty(), "the new table makes no other visible");
  Expect(made.table.type == partitions::TableType::kGpt &&
             made.table.partitions.size() == Plan().partitions.size(),
         "the table is as planned");
  for (const auto& partition : made.table.partitions) {
    Expect(partition.file_system.empty(), "no signature is left in a partition");
  }
}

}  // namespace

void Run(ByteSpan bytes) {
  Input input(bytes);
  const auto flags = static_cast<unsigned>(input.Number(1));
  MemoryDisk disk(kDiskSize, kSector, 0);
  Fill(disk, flags, input);
  const auto facts = Inspect(disk);
  CheckFacts(facts);
  Expect(facts == Inspect(disk), "it is seen as the same again");
  if ((flags & kWipe) != 0) {
    CheckWiped(disk, facts);
  }
}

std::vector<Seed> Seeds() {
  const auto head = [](unsigned flags) { return Number(flags, 1); };
  // At one of the first ten places, those of the whole disk.
  const auto put = [](std::size_t place, Bytes offset, std::string_view bytes) {
    return Number(place, 1) + Number(offset, 2) + Number(bytes.size(), 1) + std::string(bytes);
  };
  // A DOS partition: type, first sector, sectors (the rest is for machines of long ago).
  const auto dos = [](unsigned type, std::uint64_t first, std::uint64_t sectors) {
    return std::string(4, '\0') + Number(type, 1) + std::string(3, '\0') + Number(first, 4) +
           Number(sectors, 4);
  };
  const std::string mark = "\x55\xaa";
  // Its logical partitions lead back to themselves.
  const auto loop = put(0, 446, dos(5, 16, 1000) + std::string(48, '\0') + mark) +
                    put(3, 446, dos(0x83, 1, 10) + dos(5, 0, 1000) + std::string(32, '\0') + mark);
  const auto ext4 = put(1, 56, "\x53\xef");
  return {
      {"empty", head(kWipe)},
      {"ours", head(kHasTable | kSealTable | kWipe)},
      {"dos", head(kWipe) + put(0, 446, dos(0x83, 2048, 4096) + std::string(48, '\0') + mark)},
      {"dos-loop", head(kWipe) + loop},
      {"ext", head(kWipe) + ext4},
      {"lvm", head(kWipe) + put(0, 512, "LABELONE") + put(0, 536, "LVM2 001")},
      {"btrfs", head(kWipe) + put(5, 64, "_BHRfS_M")},
      {"iso", head(kWipe) + put(4, 0, "\1CD001")},
      {"raid", head(kWipe) + put(7, 0, std::string("\xfc\x4e\x2b\xa9\0\0\0\0\x5a", 9))},
      {"swap", head(kWipe) + put(0, 4086, "SWAPSPACE2")},
      {"vmfs", head(kWipe) + put(6, 0, "\x5e\xf1\xab\x2f")},
      {"in-a-partition", head(kHasTable | kWipe) + put(41, 56, "\x53\xef")},
      {"entry",
       head(kHasTable | kSealTable | kWipe) + put(61, 4 * 128 + 40, Number(~std::uint64_t{0}, 8))},
      {"entry-count", head(kHasTable | kSealTable | kWipe) + put(60, 80, Number(100'000, 4))}};
}

}  // namespace ros::fuzz
