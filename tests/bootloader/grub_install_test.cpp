#include "bootloader/grub_install.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/error.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::bootloader {
namespace {

using ros::literals::operator""_KiB;
using ros::literals::operator""_MiB;

constexpr Bytes kBiosStart = 1_MiB;
constexpr Bytes kBiosSize = 1_MiB;

struct Fixture {
  explicit Fixture(std::uint32_t sector_size = 512)
      : disk(std::make_shared<ros::testing::MemoryDisk>(8_MiB, sector_size)) {}

  std::shared_ptr<ros::testing::MemoryDisk> disk;

  [[nodiscard]] Region Bios() const { return {disk, kBiosStart, kBiosSize}; }

  [[nodiscard]] std::string Read(Bytes offset, Bytes length) const {
    std::string content(length, '\0');
    disk->Read(offset, std::as_writable_bytes(std::span(content)));
    return content;
  }
};

GrubParts SmallParts() {
  return {.boot_image = std::string(512, 'b'), .core_image = std::string(1300, 'c')};
}

}  // namespace

TEST_CASE("BuildGrubParts: makes the same bytes each time", "[bootloader]") {
  const auto parts = BuildGrubParts();
  CHECK(parts.boot_image.size() == 512);
  CHECK(parts.core_image.size() > 30_KiB);
  CHECK(parts.core_image.size() < 512_KiB);
  CHECK(parts.efi_image.starts_with("MZ"));
  CHECK(parts.efi_image.size() < kEfiImagePlace);
  CHECK(parts == BuildGrubParts());
}

TEST_CASE("BuildGrubParts: names what is missing", "[bootloader]") {
  CHECK_THROWS_WITH(BuildGrubParts("/nonexistent"), Catch::Contains("making GRUB's core image: "));
}

TEST_CASE("WriteCoreImage: tells the image where the rest of it lies", "[bootloader]") {
  const Fixture fixture;
  WriteCoreImage(fixture.Bios(), SmallParts());
  const auto core = fixture.Read(kBiosStart, 2048);
  const auto bytes = AsBytes(core);
  CHECK(core.substr(0, 0x1f4) == std::string(0x1f4, 'c'));
  CHECK(LoadLe64(bytes, 0x1f4) == kBiosStart / 512 + 1);
  CHECK(LoadLe16(bytes, 0x1fc) == 2);
  CHECK(LoadLe16(bytes, 0x1fe) == 0x820);
  CHECK(core.substr(512, 1300 - 512) == std::string(1300 - 512, 'c'));
  CHECK(core.substr(1300, 1536 - 1300) == std::string(1536 - 1300, '\0'));
  // Nothing beyond it, and not the boot sector.
  CHECK(core.substr(1536) == std::string(512, '\xcc'));
  CHECK(fixture.Read(0, 512) == std::string(512, '\xcc'));
}

TEST_CASE("HasBootCode: knows GRUB's first sector", "[bootloader]") {
  const Fixture fixture;
  CHECK_FALSE(HasBootCode(*fixture.disk));
  WriteBootCode(fixture.Bios(), BuildGrubParts());
  CHECK(HasBootCode(*fixture.disk));
}

TEST_CASE("WriteBootCode: keeps the partition entries", "[bootloader]") {
  const Fixture fixture;
  WriteBootCode(fixture.Bios(), SmallParts());
  const auto sector = fixture.Read(0, 512);
  CHECK(LoadLe64(AsBytes(sector), 0x5c) == kBiosStart / 512);
  CHECK(sector.substr(0x66, 2) == "\x90\x90");
  CHECK(sector.substr(0, 0x5c) == std::string(0x5c, 'b'));
  CHECK(sector.substr(0x68, 0x1b8 - 0x68) == std::string(0x1b8 - 0x68, 'b'));
  CHECK(sector.substr(0x1b8) == std::string(512 - 0x1b8, '\xcc'));
  CHECK(fixture.Read(512, 512) == std::string(512, '\xcc'));
}

TEST_CASE("WriteCoreImage: refuses a partition that is too small", "[bootloader]") {
  const Fixture fixture;
  auto parts = SmallParts();
  parts.core_image.resize(5000);
  CHECK_THROWS_WITH(WriteCoreImage(Region(fixture.disk, kBiosStart, 4096), parts),
                    "GRUB's core image has 5 KiB and the BIOS boot partition 4 KiB");
}

TEST_CASE("WriteCoreImage: refuses sectors that GRUB cannot read", "[bootloader]") {
  const Fixture fixture(4096);
  CHECK_THROWS_WITH(WriteCoreImage(fixture.Bios(), SmallParts()),
                    Catch::Contains("GRUB starts from a BIOS with sectors of 512 bytes only"));
  CHECK_THROWS_AS(WriteBootCode(fixture.Bios(), SmallParts()), Error);
}

TEST_CASE("GrubParts: as files of the image and back", "[bootloader]") {
  const auto parts = SmallParts();
  auto files = ToFiles(parts);
  CHECK(files.size() == 2);
  files["grub/i386-pc/other"] = "passed over";
  CHECK(FromFiles(files) == parts);
  auto both = parts;
  both.efi_image = "MZ and more";
  CHECK(FromFiles(ToFiles(both)) == both);
  both.efi_image = "no program";
  CHECK_THROWS_WITH(FromFiles(ToFiles(both)), Catch::Contains("is no EFI program"));
}

TEST_CASE("GrubParts: refuses files that are not GRUB's", "[bootloader]") {
  CHECK_THROWS_WITH(FromFiles({}), "the image's boot loader has no file grub/i386-pc/boot.img");
  auto files = ToFiles(SmallParts());
  files[kGrubBootImageName].pop_back();
  CHECK_THROWS_WITH(FromFiles(files), "grub/i386-pc/boot.img has 511 bytes and must have 512");
  files = ToFiles(SmallParts());
  files[kGrubCoreImageName].clear();
  CHECK_THROWS_WITH(FromFiles(files), "grub/i386-pc/core.img has 0 bytes, which GRUB cannot have");
}

}  // namespace ros::bootloader
