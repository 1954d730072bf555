// A disk that was something else before: after an installation, libblkid finds what `ros` wrote and
// nothing else, on the disk and in each partition.
#include <catch2/catch.hpp>
#include <cstring>

#include "base/process.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.
using namespace ros::testing;   // NOLINT(google-build-using-namespace): the tools of these tests.
using partitions::PartitionRole;

constexpr Bytes kDisk = 384_MiB;

// Makes a disk into one of this kind, as the tools of that kind do.
struct OldUse {
  const char* type = "";  // what blkid calls it
  void (*make)(MemoryDisk& disk) = nullptr;
  Bytes least = 0;  // blkid does not look for it in smaller places
};

void Put(MemoryDisk& disk, Bytes offset, std::string_view text) {
  disk.Write(offset, AsBytes(text));
}

void PutNumber(MemoryDisk& disk, Bytes offset, std::uint64_t value, std::size_t length) {
  std::vector<std::byte> bytes(length);
  for (auto& byte : bytes) {
    byte = static_cast<std::byte>(value & 0xffU);
    value >>= 8U;
  }
  disk.Write(offset, bytes);
}

// md(4): superblocks of version 0.90 and of version 1.
constexpr std::uint32_t kMdMagic = 0xa92b4efc;

void MakeMd090(MemoryDisk& disk) {
  const auto at = RoundDown(disk.size(), 64_KiB) - 64_KiB;
  PutNumber(disk, at, kMdMagic, 4);
  PutNumber(disk, at + 8, 90, 4);
  Put(disk, at + 20, "some");
}

void MakeMd1(MemoryDisk& disk, Bytes at) {
  PutNumber(disk, at, kMdMagic, 4);
  PutNumber(disk, at + 4, 1, 4);
  Put(disk, at + 16, "an array's UUID.");
  Put(disk, at + 32, "host:array");
  PutNumber(disk, at + 144, at / 512, 8);
}

// LVM's checksum is of the rest of the sector, from byte 20 on.
std::uint32_t LvmChecksum(const std::string& label) {
  constexpr std::uint32_t kStart = 0xf597a6cf;
  constexpr std::uint32_t kPolynomial = 0xedb88320;
  std::uint32_t sum = kStart;
  for (const char c : label.substr(20)) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? kPolynomial : 0U);
    }
  }
  return sum;
}

void MakeLvm(MemoryDisk& disk) {
  std::string label(512, '\0');
  label.replace(0, 8, "LABELONE");
  label[8] = 1;    // the sector that it is in
  label[20] = 32;  // where the header of the physical volume is
  label.replace(24, 8, "LVM2 001");
  label.replace(32, 32, "0123456789abcdefghijklmnopqrstuv");
  Put(disk, 512, label);
  PutNumber(disk, 512 + 16, LvmChecksum(label), 4);
}

// Four labels, two at each end, with a ring of uberblocks in the second half of each.
void MakeZfs(MemoryDisk& disk) {
  constexpr std::uint64_t kUberblock = 0x00bab10c;
  const auto end = RoundDown(disk.size(), 256_KiB);
  for (const Bytes label : {Bytes{0}, 256_KiB, end - 512_KiB, end - 256_KiB}) {
    for (Bytes block = 128_KiB; block < 256_KiB; block += 1_KiB) {
      PutNumber(disk, label + block, kUberblock, 8);
      PutNumber(disk, label + block + 8, 5000, 8);  // the version
    }
  }
}

void MakeLuks(MemoryDisk& disk, const std::string& type) {
  RunTool({.argv = {"cryptsetup",
                    "luksFormat",
                    "--batch-mode",
                    "--type",
                    type,
                    "--pbkdf",
                    "pbkdf2",
                    "--pbkdf-force-iterations",
                    "1000",
                    "--key-file",
                    "-",
                    disk.name()},
           .input = "secret"});
}

void MakeBtrfs(MemoryDisk& disk) {
  // The first superblock and its first copy.
  for (const Bytes at : {64_KiB, 64_MiB}) {
    if (at + 4_KiB <= disk.size()) {
      Put(disk, at + 64, "_BHRfS_M");
    }
  }
}

void MakeFileSystem(MemoryDisk& disk) {
  RunTool({.argv = {"mke2fs", "-q", "-F", "-t", "ext4", "-L", "photos", disk.name()}});
}

void MakeTable(MemoryDisk& disk, const std::string& script) {
  RunTool({.argv = {"sfdisk", "-q", disk.name()}, .input = script});
}

const OldUse kOldUses[] = {
    {"linux_raid_member", MakeMd090},
    {"linux_raid_member",
     [](MemoryDisk& disk) { MakeMd1(disk, RoundDown(disk.size() - 8_KiB, 4_KiB)); }},  // 1.0
    {"linux_raid_member", [](MemoryDisk& disk) { MakeMd1(disk, 0); }},                 // 1.1
    {"linux_raid_member", [](MemoryDisk& disk) { MakeMd1(disk, 4_KiB); }},             // 1.2
    {"LVM2_member", MakeLvm},
    {"zfs_member", MakeZfs, 64_MiB},
    {"crypto_LUKS", [](MemoryDisk& disk) { MakeLuks(disk, "luks1"); }},
    {"crypto_LUKS", [](MemoryDisk& disk) { MakeLuks(disk, "luks2"); }},
    {"isw_raid_member",
     [](MemoryDisk& disk) {
       Put(disk, RoundDown(disk.size(), 512) - 1_KiB, "Intel Raid ISM Cfg Sig. 1.3.00");
     }},
    {"ddf_raid_member",
     [](MemoryDisk& disk) { Put(disk, RoundDown(disk.size(), 512) - 512, "\xde\x11\xde\x11"); }},
    {"btrfs", MakeBtrfs},
    {"ext4", MakeFileSystem},
    {"swap",
     [](MemoryDisk& disk) {
       RunTool({.argv = {"mkswap", disk.name()}});
     }},
    {"dos",
     [](MemoryDisk& disk) {
       MakeTable(disk, "label: dos\nsize=4M, type=83\nsize=8M, type=5\nsize=4M, type=83\n");
     }},
    {"gpt", [](MemoryDisk& disk) { MakeTable(disk, "label: gpt\nsize=4M\nsize=4M\n"); }},
    {"gpt",
     [](MemoryDisk& disk) {  // of which only the backup is left
       MakeTable(disk, "label: gpt\nsize=4M\n");
       disk.Write(0, std::vector<std::byte>(1_KiB));
     },
     kDisk},
};

std::string Wipefs(const MemoryDisk& disk) {
  return RunTool({.argv = {"wipefs", "--no-act", "--noheadings", "--output", "TYPE", disk.name()}});
}

// What blkid says of a part of the disk; empty for nothing.
std::string Blkid(const MemoryDisk& disk, Bytes offset, Bytes length) {
  return RunProcess({.argv = {"blkid",
                              "--probe",
                              "--match-tag",
                              "TYPE",
                              "--match-tag",
                              "PTTYPE",
                              "--output",
                              "value",
                              "--offset",
                              std::to_string(offset),
                              "--size",
                              std::to_string(length),
                              disk.name()}})
      .out;
}

// `old` as a part of `disk` from `offset` on; what is zero in it stays what it was there.
void Copy(const MemoryDisk& old, MemoryDisk& disk, Bytes offset) {
  std::vector<std::byte> piece(64_KiB);
  const std::vector<std::byte> zeros(piece.size());
  for (Bytes at = 0; at < old.size(); at += piece.size()) {
    old.Read(at, piece);
    if (std::memcmp(piece.data(), zeros.data(), piece.size()) != 0) {
      disk.Write(offset + at, piece);
    }
  }
}

void CheckOursAlone(const MemoryDisk& disk, const InstallPlan& plan) {
  CHECK(Wipefs(disk) == "gpt\ngpt\nPMBR\n");
  const std::map<PartitionRole, std::string> ours = {{PartitionRole::kBios, ""},
                                                     {PartitionRole::kBoot, "vfat\n"},
                                                     {PartitionRole::kSlotA, ""},
                                                     {PartitionRole::kSlotB, ""},
                                                     {PartitionRole::kState, "ext4\n"}};
  for (const auto& part : plan.layout.partitions) {
    INFO(partitions::PartitionName(part.role));
    CHECK(Blkid(disk, part.offset, part.length) == ours.at(part.role));
  }
}

struct Installer {
  ImageShelf shelf;
  SmallImage image = shelf.Make("1");

  InstallPlan Install(const std::shared_ptr<MemoryDisk>& disk) const {
    auto request = SmallRequest(shelf, disk->name());
    request.slot_size = 24_MiB;  // libblkid does not look for all kinds in smaller places.
    return InstallOn(disk, partitions::InspectDisk(disk->name()), image, request);
  }
};

}  // namespace

TEST_CASE("ApplyInstall: nothing is left of what the whole disk was", "[crash]") {
  const Installer installer;
  for (const auto& old : kOldUses) {
    const auto disk = std::make_shared<MemoryDisk>(kDisk, 512, 0);
    old.make(*disk);
    INFO("it was " << old.type);
    REQUIRE_THAT(Wipefs(*disk), Catch::Contains(old.type));
    CHECK(partitions::InspectDisk(disk->name()).HoldsData());
    CheckOursAlone(*disk, installer.Install(disk));
  }
}

TEST_CASE("ApplyInstall: nothing is left of what was where a partition comes to lie", "[crash]") {
  const Installer installer;
  const auto layout = installer.Install(std::make_shared<MemoryDisk>(kDisk, 512, 0)).layout;
  for (const auto& old : kOldUses) {
    const auto disk = std::make_shared<MemoryDisk>(kDisk, 512, 0);
    for (const auto role : {PartitionRole::kBoot, PartitionRole::kSlotB, PartitionRole::kState}) {
      const auto& part = layout.Get(role);
      if (part.length < old.least) {
        continue;
      }
      MemoryDisk before(part.length, 512, 0);
      old.make(before);
      Copy(before, *disk, part.offset);
      INFO("in " << partitions::PartitionName(role) << " was " << old.type);
      REQUIRE_FALSE(Blkid(*disk, part.offset, part.length).empty());
    }
    INFO("it was " << old.type);
    CheckOursAlone(*disk, installer.Install(disk));
  }
}

}  // namespace ros::installer
