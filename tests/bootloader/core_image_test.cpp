#include "bootloader/core_image.hpp"

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
constexpr Bytes kHalf = kBiosSize / 2;

struct Fixture {
  explicit Fixture(std::uint32_t sector_size = 512)
      : disk(std::make_shared<ros::testing::MemoryDisk>(8_MiB, sector_size)) {}

  std::shared_ptr<ros::testing::MemoryDisk> disk;

  [[nodiscard]] Region Bios() const { return {disk, kBiosStart, kBiosSize}; }

  [[nodiscard]] std::string Read(Bytes offset, Bytes length) const {
    std::string content(length, '\0');
    disk->Read(offset, AsWritableBytes(content));
    return content;
  }
};

GrubParts SmallParts() {
  return {.boot_image = std::string(512, 'b'), .core_image = std::string(1300, 'c')};
}

void Write(const Region& bios, CoreHalf half) {
  WriteCoreImage(bios, half, PlaceCoreImage(bios, half, SmallParts()), "text");
}

}  // namespace

TEST_CASE("WriteCoreImage: tells the image where the rest of it lies", "[bootloader]") {
  const auto half = GENERATE(CoreHalf::kFirst, CoreHalf::kSecond);
  const Bytes start = half == CoreHalf::kFirst ? kBiosStart : kBiosStart + kHalf;
  const Fixture fixture;
  Write(fixture.Bios(), half);
  const auto core = fixture.Read(start, 2048);
  const auto bytes = AsBytes(core);
  CHECK(core.substr(0, 0x1f4) == std::string(0x1f4, 'c'));
  CHECK(LoadLe64(bytes, 0x1f4) == start / 512 + 1);
  CHECK(LoadLe16(bytes, 0x1fc) == 2);
  CHECK(LoadLe16(bytes, 0x1fe) == 0x820);
  CHECK(core.substr(512, 1300 - 512) == std::string(1300 - 512, 'c'));
  CHECK(core.substr(1300, 1536 - 1300) == std::string(1536 - 1300, '\0'));
  // Nothing beyond it, not the other half, and not the boot sector.
  CHECK(core.substr(1536) == std::string(512, '\xcc'));
  const Bytes other = half == CoreHalf::kFirst ? kBiosStart + kHalf : kBiosStart;
  CHECK(fixture.Read(other, kHalf) == std::string(kHalf, '\xcc'));
  CHECK(fixture.Read(0, 512) == std::string(512, '\xcc'));
  CHECK(ReadCoreImage(fixture.Bios(), half) == core.substr(0, 1536));
  CHECK(ReadCoreImage(fixture.Bios(), Other(half)).empty());
  CHECK(ReadCoreDescription(fixture.Bios(), half) == "text" + std::string(508, '\n'));
}

TEST_CASE("WriteBootCode: names the half and keeps the partition entries", "[bootloader]") {
  const auto half = GENERATE(CoreHalf::kFirst, CoreHalf::kSecond);
  const Fixture fixture;
  CHECK_FALSE(FindStartedHalf(fixture.Bios()).has_value());
  CHECK_FALSE(IsBootCode(fixture.Bios(), half, SmallParts()));
  WriteBootCode(fixture.Bios(), half, SmallParts());
  const auto sector = fixture.Read(0, 512);
  CHECK(LoadLe64(AsBytes(sector), 0x5c) ==
        (half == CoreHalf::kFirst ? kBiosStart : kBiosStart + kHalf) / 512);
  CHECK(sector.substr(0x66, 2) == "\x90\x90");
  CHECK(sector.substr(0, 0x5c) == std::string(0x5c, 'b'));
  CHECK(sector.substr(0x68, 0x1b8 - 0x68) == std::string(0x1b8 - 0x68, 'b'));
  CHECK(sector.substr(0x1b8) == std::string(512 - 0x1b8, '\xcc'));
  CHECK(fixture.Read(512, 512) == std::string(512, '\xcc'));
  CHECK(FindStartedHalf(fixture.Bios()) == half);
  CHECK(IsBootCode(fixture.Bios(), half, SmallParts()));
  CHECK_FALSE(IsBootCode(fixture.Bios(), Other(half), SmallParts()));
}

TEST_CASE("HasBootCode: knows GRUB's first sector", "[bootloader]") {
  const Fixture fixture;
  CHECK_FALSE(HasBootCode(*fixture.disk));
  WriteBootCode(fixture.Bios(), CoreHalf::kFirst, BuildGrubParts());
  CHECK(HasBootCode(*fixture.disk));
}

TEST_CASE("ReadCoreImage: a list of blocks that leaves the half", "[bootloader]") {
  const Fixture fixture;
  Write(fixture.Bios(), CoreHalf::kFirst);
  auto sector = fixture.Read(kBiosStart, 512);
  StoreLe16(AsWritableBytes(sector), 0x1fc, 0xffff);
  fixture.disk->Write(kBiosStart, AsBytes(sector));
  CHECK(ReadCoreImage(fixture.Bios(), CoreHalf::kFirst).empty());
}

TEST_CASE("WriteCoreImage: says when the disk does not keep it", "[bootloader]") {
  class FailingDisk final : public BlockDevice {
   public:
    [[nodiscard]] const std::string& name() const override { return disk_.name(); }

    [[nodiscard]] Bytes size() const override { return disk_.size(); }

    [[nodiscard]] std::uint32_t sector_size() const override { return 512; }

    void Read(Bytes offset, MutableByteSpan into) const override { disk_.Read(offset, into); }

    void Write(Bytes /*offset*/, ByteSpan /*data*/) override {}

    void Sync() override {}

   private:
    ros::testing::MemoryDisk disk_{8_MiB};
  };

  const Region bios(std::make_shared<FailingDisk>(), kBiosStart, kBiosSize);
  CHECK_THROWS_WITH(Write(bios, CoreHalf::kSecond),
                    "writing GRUB's core image: the disk returns other bytes than were written");
}

TEST_CASE("PlaceCoreImage: refuses a partition that is too small", "[bootloader]") {
  const Fixture fixture;
  auto parts = SmallParts();
  parts.core_image.resize(4000);
  CHECK_THROWS_WITH(PlaceCoreImage(Region(fixture.disk, kBiosStart, 8192), CoreHalf::kFirst, parts),
                    "GRUB's core image has 4 KiB and a half of the BIOS boot partition 4 KiB");
}

TEST_CASE("PlaceCoreImage: refuses sectors that GRUB cannot read", "[bootloader]") {
  const Fixture fixture(4096);
  CHECK_THROWS_WITH(PlaceCoreImage(fixture.Bios(), CoreHalf::kFirst, SmallParts()),
                    Catch::Contains("GRUB starts from a BIOS with sectors of 512 bytes only"));
  CHECK_THROWS_AS(WriteBootCode(fixture.Bios(), CoreHalf::kFirst, SmallParts()), Error);
}

}  // namespace ros::bootloader
