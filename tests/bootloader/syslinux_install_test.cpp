#include "bootloader/syslinux_install.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "bootloader/syslinux_adv.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::bootloader {
namespace {

using ros::literals::operator""_KiB;
using ros::literals::operator""_MiB;

constexpr Bytes kVolumeStart = 1_MiB;
constexpr Bytes kVolumeSize = 40_MiB;

const SyslinuxParts& Parts() {
  static const auto parts = BuildSyslinuxParts();
  return parts;
}

std::string Bytes512(const Region& region, Bytes offset = 0) {
  std::string sector(512, '\0');
  region.Read(offset, AsWritableBytes(sector));
  return sector;
}

// Where a file starts in a volume of one sector a cluster, by mtools and the volume's parameters
// (fatgen103, section 3.1).
Bytes PlaceOf(const std::filesystem::path& disk, const std::string& boot_sector) {
  const auto image = disk.string() + "@@" + std::to_string(kVolumeStart);
  const auto shown = RunTool({.argv = {"mshowfat", "-i", image, "::/syslinux/ldlinux.sys"}});
  // "::/syslinux/ldlinux.sys <4-119>": its clusters.
  const auto cluster = std::stoull(shown.substr(shown.find('<') + 1));
  const auto bytes = AsBytes(boot_sector);
  const auto tables = std::to_integer<std::uint64_t>(bytes[0x10]) * LoadLe32(bytes, 0x24);
  return (LoadLe16(bytes, 0x0e) + tables + cluster - 2) * 512;
}

}  // namespace

TEST_CASE("BuildSyslinuxParts: makes the same bytes each time", "[bootloader]") {
  CHECK(Parts() == BuildSyslinuxParts());
  CHECK(SyslinuxFromFiles(ToFiles(Parts())) == Parts());
}

TEST_CASE("SyslinuxFromFiles: refuses parts that are missing or cannot be", "[bootloader]") {
  CHECK(SyslinuxFromFiles({{"grub/i386-pc/core.img", "x"}}) == std::nullopt);
  const auto files = ToFiles(Parts());
  for (const auto& [name, content] : files) {
    INFO(name);
    auto less = files;
    less.erase(name);
    CHECK_THROWS_WITH(SyslinuxFromFiles(less), Catch::Contains("has no " + name));
    auto other = files;
    other[name] = std::string(4096, 'x');
    CHECK_THROWS_WITH(SyslinuxFromFiles(other), Catch::Contains("has no " + name));
  }
  // Pointers that lead out of the loader.
  auto hostile = files;
  auto& loader = hostile[kSyslinuxLoaderName];
  const auto area = loader.find(std::string("\xfe\x02\xb2\x3e", 4));
  REQUIRE(area != std::string::npos);
  loader[area + 22] = '\xff';
  loader[area + 23] = '\xff';
  CHECK_THROWS_AS(SyslinuxFromFiles(hostile), Error);
}

TEST_CASE("SyslinuxLoaderFile: each ADV in a block of its own", "[bootloader]") {
  const auto file = SyslinuxLoaderFile(Parts());
  CHECK(file.size() % 4096 == 512);
  CHECK(ParseAdv(AsBytes(file).last(512)).empty());
  CHECK(ParseAdv(AsBytes(file).subspan(file.size() - 1024, 512)).empty());
}

// The tool itself, on a volume of the same shape, is the witness.
TEST_CASE("WriteSyslinuxLoader: patches as `syslinux --install` does", "[bootloader]") {
  const TempDirectory scratch("ros-syslinux");
  const auto path = scratch.path() / "disk";
  CreateFileDurably(path, {});
  std::filesystem::resize_file(path, kVolumeStart + kVolumeSize);
  const auto offset = std::to_string(kVolumeStart);
  RunTool({.argv = {"mkfs.fat",
                    "-F",
                    "32",
                    "-s",
                    "1",
                    "-h",
                    "2048",
                    "--offset",
                    "2048",
                    path.string(),
                    std::to_string(kVolumeSize / 1024)}});
  RunTool({.argv = {"mmd", "-i", path.string() + "@@" + offset, "::/syslinux"}});
  RunTool({.argv = {"syslinux", "-t", offset, "-d", "/syslinux", "--install", path.string()}});

  const Region theirs(OpenBlockDevice(path, DeviceAccess::kRead), kVolumeStart, kVolumeSize);
  const auto boot_sector = Bytes512(theirs);
  const auto first = PlaceOf(path, boot_sector);
  // Up to the checksum and the end of the loader, which stands before the ADV there.
  const auto length = RoundUp(Parts().ldlinux_sys.size(), 512);
  std::string expected(length, '\0');
  theirs.Read(first, AsWritableBytes(expected));

  const auto disk = std::make_shared<ros::testing::MemoryDisk>(kVolumeStart + kVolumeSize);
  const Region volume(disk, kVolumeStart, kVolumeSize);
  volume.Write(0, AsBytes(boot_sector));
  const auto loader = volume.Sub(first, 128_KiB);
  WriteSyslinuxLoader(volume, loader, Parts());
  WriteSyslinuxBootCode(volume, loader, Parts());
  std::string ours(length, '\0');
  loader.Read(0, AsWritableBytes(ours));

  CHECK(Bytes512(volume) == boot_sector);
  // Ours has its ADVs elsewhere, so two pointers differ, and with them the checksum.
  std::vector<std::size_t> differ;
  for (std::size_t at = 0; at + 4 <= length; at += 4) {
    if (ours.substr(at, 4) != expected.substr(at, 4)) {
      differ.push_back(at);
    }
  }
  const auto area = ours.find(std::string("\xfe\x02\xb2\x3e", 4));
  const auto pointers = LoadLe16(AsBytes(ours), LoadLe16(AsBytes(ours), area + 22));
  for (const auto at : differ) {
    INFO(at);
    CHECK((at == area + 16 || (at + 4 > pointers && at < pointers + 16U)));
  }
  const auto file = SyslinuxLoaderFile(Parts()).size();
  CHECK(LoadLe64(AsBytes(ours), pointers) == (first + file) / 512 - 2);
  CHECK(LoadLe64(AsBytes(ours), pointers + 8U) == (first + file) / 512 - 1);
}

TEST_CASE("WriteSyslinuxBootCode: keeps the parameters and the partition table", "[bootloader]") {
  const auto disk = std::make_shared<ros::testing::MemoryDisk>(8_MiB);
  disk->Write(0, std::vector(512, std::byte{0xaa}));
  disk->Write(1_MiB, std::vector(512, std::byte{0xbb}));
  const Region volume(disk, 1_MiB, 4_MiB);
  WriteSyslinuxBootCode(volume, volume.Sub(1_MiB, 128_KiB), Parts());
  const auto mbr = Bytes512(Region(disk));
  CHECK(mbr.substr(0, Parts().mbr.size()) == Parts().mbr);
  CHECK(mbr.substr(0x1b8) == std::string(512 - 0x1b8, '\xaa'));
  const auto sector = Bytes512(volume);
  CHECK(sector.substr(3, 8) == "SYSLINUX");
  CHECK(sector.substr(0x0b, 0x5a - 0x0b) == std::string(0x5a - 0x0b, '\xbb'));
  CHECK(sector.substr(0x1fe) == "\xbb\xbb");
}

TEST_CASE("WriteSyslinuxLoader: refuses sectors of 4096 bytes and small places", "[bootloader]") {
  const auto disk4k = std::make_shared<ros::testing::MemoryDisk>(8_MiB, 4096);
  const Region volume4k(disk4k, 1_MiB, 4_MiB);
  CHECK_THROWS_WITH(WriteSyslinuxLoader(volume4k, volume4k.Sub(1_MiB, 128_KiB), Parts()),
                    Catch::Contains("sectors of 4096 bytes"));
  const auto disk = std::make_shared<ros::testing::MemoryDisk>(8_MiB);
  const Region volume(disk, 1_MiB, 4_MiB);
  CHECK_THROWS_WITH(WriteSyslinuxLoader(volume, volume.Sub(1_MiB, 4_KiB), Parts()),
                    Catch::Contains("its place 4 KiB"));
}

}  // namespace ros::bootloader
