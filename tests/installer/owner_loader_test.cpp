#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/efi_signer.hpp"
#include "images/unified_kernel.hpp"
#include "installer/loader_facts.hpp"
#include "installer/loader_install.hpp"
#include "installer/loader_upgrade.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::installer {
namespace {

using bootloader::GrubParts;
using ros::literals::operator""_MiB;

images::EfiSigner MakeSigner(const std::filesystem::path& directory, const std::string& name) {
  images::EfiSigner signer{.key = directory / (name + ".key"),
                           .certificate = directory / (name + ".pem")};
  RunTool({.argv = {"openssl",
                    "req",
                    "-new",
                    "-x509",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=" + name,
                    "-keyout",
                    signer.key.string(),
                    "-out",
                    signer.certificate.string()}});
  return signer;
}

// Any program will do: nobody starts it.
GrubParts OwnerGrub(const std::string& version, const images::EfiSigner& signer) {
  const auto program = images::BuildUnifiedKernel(images::ReadStub(), {.command_line = version});
  return {.efi_image = images::SignEfiProgram(program, signer),
          .version = version,
          .owner_signed = true};
}

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
  const auto owner = MakeSigner(directory.path(), "owner");
  const auto stranger = MakeSigner(directory.path(), "stranger");
  const auto installed = OwnerGrub("2.06-1", owner);
  const auto disk = std::make_shared<testing::MemoryDisk>(64_MiB);
  partitions::MakeTestBoot(Region(disk), BootFiles(installed));
  auto boot = partitions::FatVolume::Open(Region(disk));
  const PartitionOpener no_partition;  // none is opened
  CHECK(LoaderOn(boot) == bootloader::LoaderKind::kGrubUki);
  CHECK_FALSE(boot.TryFind("/GRUB/GRUB.CFG"));
  CHECK_FALSE(CompareLoader(no_partition, boot, installed).Differs());

  const auto other = CompareLoader(no_partition, boot, OwnerGrub("2.06-2", stranger));
  CHECK_THAT(other.refusal, Catch::Contains("signed by another certificate"));

  const auto newer = OwnerGrub("2.06-2", owner);
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
