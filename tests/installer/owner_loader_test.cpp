#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "installer/loader_facts.hpp"
#include "installer/loader_install.hpp"
#include "installer/loader_upgrade.hpp"
#include "tests/images/support/efi_owner.hpp"
#include "tests/installer/support/owner_grub.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::installer {
namespace {

using bootloader::GrubParts;
using ros::literals::operator""_MiB;

std::vector<partitions::BootFile> BootFiles(const GrubParts& parts) {
  auto files = LoaderFiles(parts);
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    const auto more = partitions::SlotFiles(slot,
                                            partitions::kTestSizes,
                                            SlotLoaderFiles(bootloader::LoaderKind::kGrubUki),
                                            partitions::KernelPlaces::kUnifiedKernel);
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

}  // namespace

TEST_CASE("CompareLoader: an owner's GRUB is replaced by one of the same owner", "[installer]") {
  const TempDirectory directory("ros-owner-test");
  const auto owner = images::fakes::MakeEfiSigner(directory.path(), "owner");
  const auto stranger = images::fakes::MakeEfiSigner(directory.path(), "stranger");
  const auto installed = testing::OwnerGrub("2.06-1", owner);
  const auto disk = std::make_shared<testing::MemoryDisk>(64_MiB);
  partitions::MakeTestBoot(Region(disk), BootFiles(installed));
  auto boot = partitions::FatVolume::Open(Region(disk));
  const PartitionOpener no_partition;  // none is opened
  CHECK(LoaderOn(boot) == bootloader::LoaderKind::kGrubUki);
  CHECK_FALSE(boot.TryFind("/GRUB/GRUB.CFG"));
  CHECK_FALSE(CompareLoader(no_partition, boot, installed).Differs());

  const auto other = CompareLoader(no_partition, boot, testing::OwnerGrub("2.06-2", stranger));
  CHECK_THAT(other.refusal, Catch::Contains("signed by another certificate"));

  const auto newer = testing::OwnerGrub("2.06-2", owner);
  const auto comparison = CompareLoader(no_partition, boot, newer);
  CHECK(comparison.refusal.empty());
  CHECK(comparison.Differs());
  CHECK(comparison.version_on_disk == "2.06-1");
  for (const auto& step : PlanLoader(comparison, LoaderWish::kUpgrade)) {
    ApplyLoaderStep(step, no_partition, boot, newer);
  }
  CHECK_FALSE(CompareLoader(no_partition, boot, newer).Differs());
  CHECK(boot.ReadContent("/EFI/ROS/BOOTX64.EFI", 4_MiB) == newer.efi_image);
}

}  // namespace ros::installer
