#include "partitions/boot_file_system.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "partitions/fat_volume.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

struct Shape {
  Bytes size;
  std::uint32_t sector_size;
};

BootFileSystemRequest RequestFor(Bytes length, std::vector<BootFile> files) {
  return {.partition_offset = 2_MiB, .partition_length = length, .files = std::move(files)};
}

ErrorKind KindOfPlan(const BootFileSystemRequest& request) {
  try {
    PlanBootFileSystem(request);
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::kFailed;
}

std::vector<BootFile> Standard() {
  auto files = SlotFiles(SlotId::kA, {});
  for (const auto& file : SlotFiles(SlotId::kB, {})) {
    files.push_back(file);
  }
  return files;
}

}  // namespace

TEST_CASE("MakeBootFileSystem: fsck, mtools and FatVolume agree on it", "[partitions]") {
  const auto shape =
      GENERATE(Shape{64_MiB, 512}, Shape{256_MiB, 512}, Shape{512_MiB, 512}, Shape{300_MiB, 4096});
  auto disk = std::make_shared<MemoryDisk>(shape.size, shape.sector_size);
  MakeTestBoot(Region(disk));
  CHECK(Run({"mtype", "-i", disk->name(), "::/grub/grub.cfg"}).out == "menu");
  CHECK(Run({"mtype", "-i", disk->name(), "::/grub/grubenv"}).out == std::string(1024, '#'));
  CHECK(Run({"mtype", "-i", disk->name(), "::/efi/boot/bootx64.efi"}).out == "loader");
  CHECK_THAT(Run({"mdir", "-b", "-i", disk->name(), "::/b"}).out, Catch::Contains("INITRD"));

  const auto volume = FatVolume::Open(Region(disk));
  CHECK(volume.CheckOwnership().empty());
  CHECK(volume.ReadContent("/grub/grub.cfg", 1_MiB) == "menu");
  CHECK(volume.Lengths("/a").size() == 7);
  for (const auto& file : TestFiles()) {
    const auto found = volume.Find(file.path);
    CHECK(found.length == file.content.size());
    CHECK(found.allocated == RoundUp(file.max_size, 4096));
    CHECK(found.data.offset() % 4096 == 0);
  }
  const auto entries = volume.Find("/A/KERNEL").entry_sector.offset();
  for (const auto& file : SlotFiles(SlotId::kA, kTestSizes)) {
    CHECK(volume.Find(file.path).entry_sector.offset() == entries);
  }
  FillFiles(Region(disk));
  const auto fsck = Run({"fsck.vfat", "-n", disk->name()});
  INFO(fsck.out);
  CHECK(fsck.exit_code == 0);
}

TEST_CASE("MakeBootFileSystem: clusters are as large as FAT32 lets them be", "[partitions]") {
  CHECK(PlanBootFileSystem(RequestFor(512_MiB, Standard())).cluster_size == 4096);
  CHECK(PlanBootFileSystem(RequestFor(256_MiB, TestFiles())).cluster_size == 2048);
  CHECK(PlanBootFileSystem(RequestFor(40_MiB, TestFiles())).cluster_size == 512);
}

TEST_CASE("MakeBootFileSystem: neither writes nor reads outside of its partition", "[partitions]") {
  auto disk = std::make_shared<MemoryDisk>(44_MiB, 512, 44_MiB);
  MakeTestBoot(Region(disk, 4_MiB, 36_MiB));
  const auto is_stale = [](std::byte byte) { return byte == std::byte{0xcc}; };
  std::vector<std::byte> bytes(4_MiB);
  disk->Read(0, bytes);
  CHECK(std::ranges::all_of(bytes, is_stale));
  disk->Read(40_MiB, bytes);
  CHECK(std::ranges::all_of(bytes, is_stale));
  const auto volume = FatVolume::Open(Region(disk, 4_MiB, 36_MiB));
  CHECK(volume.CheckOwnership().empty());
  // Nothing is written for what is empty.
  std::vector<std::byte> kernel(256_KiB);
  volume.Find("/A/KERNEL").data.Read(0, kernel);
  CHECK(std::ranges::all_of(kernel, is_stale));
  // Hidden sectors of the boot sector: where the partition starts.
  std::vector<std::byte> boot_sector(512);
  disk->Read(4_MiB, boot_sector);
  CHECK(LoadLe32(boot_sector, 28) == 4_MiB / 512);
}

TEST_CASE("MakeBootFileSystem: the same input gives the same bytes", "[partitions]") {
  auto one = std::make_shared<MemoryDisk>(36_MiB, 512, 36_MiB);
  auto two = std::make_shared<MemoryDisk>(36_MiB, 512, 36_MiB);
  MakeTestBoot(Region(one));
  MakeTestBoot(Region(two));
  CHECK(ReadText(Region(one), 36_MiB) == ReadText(Region(two), 36_MiB));
}

TEST_CASE("MakeBootFileSystem: finds what the disk did not keep", "[partitions]") {
  // Loses the sector that begins with the content of the loader.
  class LossyDisk final : public BlockDevice {
   public:
    [[nodiscard]] const std::string& name() const override { return disk_.name(); }

    [[nodiscard]] Bytes size() const override { return disk_.size(); }

    [[nodiscard]] std::uint32_t sector_size() const override { return 512; }

    void Read(Bytes offset, MutableByteSpan into) const override { disk_.Read(offset, into); }

    void Write(Bytes offset, ByteSpan data) override {
      if (!AsText(data).starts_with("loader")) {
        disk_.Write(offset, data);
      }
    }

    void Sync() override {}

   private:
    MemoryDisk disk_{36_MiB};
  };

  CHECK_THROWS_WITH(MakeTestBoot(Region(std::make_shared<LossyDisk>())),
                    Catch::Contains("/EFI/BOOT/BOOTX64.EFI reads back differently"));
}

TEST_CASE("PlanBootFileSystem: too small is said with the numbers", "[partitions]") {
  CHECK(KindOfPlan(RequestFor(256_MiB, Standard())) == ErrorKind::kDoesNotFit);
  CHECK(KindOfPlan(RequestFor(16_MiB, TestFiles())) == ErrorKind::kDoesNotFit);
  auto large_sectors = RequestFor(256_MiB, TestFiles());
  large_sectors.sector_size = 4096;
  CHECK(KindOfPlan(large_sectors) == ErrorKind::kDoesNotFit);
  CHECK_NOTHROW(PlanBootFileSystem(RequestFor(512_MiB, Standard())));
  CHECK(KindOfPlan(RequestFor(0, TestFiles())) == ErrorKind::kDoesNotFit);
}

TEST_CASE("PlanBootFileSystem: names and contents that cannot be", "[partitions]") {
  for (const auto* path : {"KERNEL",
                           "/kernel",
                           "/A/B/C/D",
                           "/A/TOOLONGNAME",
                           "/",
                           "/A/",
                           "/A/..",
                           "/a/X",
                           "/../X",
                           "/A/../X",
                           "//X",
                           "/A//X"}) {
    INFO(path);
    CHECK(KindOfPlan(RequestFor(64_MiB, {{.path = path, .max_size = 1}})) == ErrorKind::kUsage);
  }
  CHECK(KindOfPlan(
            RequestFor(64_MiB, {{.path = "/X", .max_size = 1}, {.path = "/X", .max_size = 1}})) ==
        ErrorKind::kUsage);
  CHECK(KindOfPlan(RequestFor(64_MiB, {{.path = "/X", .max_size = 1, .content = "ab"}})) ==
        ErrorKind::kDoesNotFit);
  CHECK(KindOfPlan(RequestFor(64_MiB, {{.path = "/X", .max_size = ~Bytes{0}}})) ==
        ErrorKind::kDoesNotFit);
  std::vector<BootFile> many;
  for (char c = 'A'; c <= 'O'; ++c) {
    many.push_back({.path = std::string("/D/") + c, .max_size = 1});
  }
  CHECK(KindOfPlan(RequestFor(64_MiB, many)) == ErrorKind::kUsage);
}

}  // namespace ros::partitions
