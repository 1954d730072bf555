#include "installer/install_plan.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "config/upgrade_settings.hpp"
#include "installer/channel_memory.hpp"
#include "installer/install.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/installer/support/plan_facts.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

using ros::testing::SomeFacts;

InstallRequest SomeRequest() {
  InstallRequest request;
  request.target = "/dev/sda";
  request.seed = "6a1f2b3c-0000-4000-8000-000000000001";
  request.keys = {{"release.pub", std::string(178, 'k')}};
  request.kernel_arguments = {"quiet"};
  request.cloud_config = "hostname: box\n";
  return request;
}

}  // namespace

TEST_CASE("DescribeInstall: tells every file with its size", "[installer]") {
  const auto plan = PlanInstall(SomeFacts(), SomeRequest());
  const auto text = DescribeInstall(plan);
  const auto json = InstallToJson(plan).Dump();
  for (const auto* part : {"       KERNEL    8 MiB\n",
                           "       INITRD    20 MiB\n",
                           "       MANIFEST  2 bytes\n",
                           "       /GRUB/GRUBENV2         1 KiB\n",
                           "       /EFI/BOOT/BOOTX64.EFI  700 KiB\n",
                           "write GRUB for BIOS machines (100 KiB) and its boot sector",
                           "6 files\n",
                           "       /ros/args                     6 bytes\n",
                           "       /ros/config/cloud-config.yml  14 bytes\n",
                           "       /ros/epoch                    3 bytes\n",
                           "       /ros/keys/release.pub         178 bytes\n",
                           "       /ros/root-index-a             104 bytes\n",
                           "       /ros/verified.json            "}) {
    CHECK_THAT(text, Catch::Contains(part));
  }
  for (const auto* part : {R"({"name":"KERNEL","bytes":8388608})",
                           R"({"path":"/GRUB/GRUBENV","bytes":1024})",
                           R"({"path":"/ros/config/cloud-config.yml","bytes":14})"}) {
    CHECK_THAT(json, Catch::Contains(part));
  }
}

TEST_CASE("StateFiles: a machine begins with the channel document of its installation",
          "[installer]") {
  auto request = SomeRequest();
  const auto image = SomeFacts().image;
  const auto files = [&] { return StateFiles(request, image, partitions::TargetKind::kWholeDisk); };
  CHECK_FALSE(files().contains("/ros/channels.json"));
  const auto digest = keys::Sha256Of(AsBytes("document"));
  request.channel =
      trust::ShownChannel{.channel = {.name = "stable", .serial = 7}, .digest = digest};
  CHECK(ParseChannelMemory(files().at("/ros/channels.json").content, "file") ==
        ChannelMemory{{"stable", {.serial = 7, .digest = digest}}});
}

TEST_CASE("StateFiles: a machine follows the channel that it was installed from", "[installer]") {
  auto request = SomeRequest();
  const auto image = SomeFacts().image;
  const auto files = [&] { return StateFiles(request, image, partitions::TargetKind::kWholeDisk); };
  CHECK_FALSE(files().contains("/ros/config/user.yml"));
  for (const auto* channel : {"[fd00::1]:5000/os:stable", "registry.example:5000/os:stable"}) {
    request.follows = channel;
    const auto user = files().at("/ros/config/user.yml");
    CHECK(user.mode == 0600);
    CHECK(config::ReadUpgradeSettings(config::ParseYaml(user.content, "user.yml"), "user.yml") ==
          config::UpgradeSettings{.channel = channel});
  }
  CHECK_THAT(DescribeInstall(PlanInstall(SomeFacts(), request)),
             Catch::Contains("\n  follows  registry.example:5000/os:stable\n"));
}

TEST_CASE("TargetText: which disk a link leads to, and which of two equal ones it is",
          "[installer]") {
  partitions::DiskFacts disk{.path = "/dev/sda", .model = "Twin", .node = "/dev/sda"};
  CHECK(TargetText(disk, 8_GiB) == "/dev/sda, 8 GiB, Twin");
  disk.location = "0000:00:1f.2/ata1/0:0:0:0";
  CHECK(TargetText(disk, 8_GiB) == "/dev/sda, 8 GiB, Twin, at 0000:00:1f.2/ata1/0:0:0:0");
  disk.path = "/dev/disk/by-id/ata-Twin_7";
  disk.serial = "7";
  CHECK(TargetText(disk, 8_GiB) == "/dev/disk/by-id/ata-Twin_7 (/dev/sda), 8 GiB, Twin, serial 7");
}

TEST_CASE("PlanInstall: an image for BIOS machines alone, and one that brings no loader",
          "[installer]") {
  auto facts = SomeFacts();
  std::get<bootloader::GrubParts>(*facts.loader).efi_image.clear();
  CHECK_THAT(DescribeInstall(PlanInstall(facts, SomeRequest())), !Catch::Contains("BOOTX64.EFI"));
  facts.loader.reset();
  CHECK_THROWS_WITH(PlanInstall(facts, SomeRequest()),
                    Catch::Contains("the image os 1 does not bring GRUB"));
}

TEST_CASE("PlanInstall: syslinux", "[installer]") {
  auto facts = SomeFacts();
  auto request = SomeRequest();
  request.loader = ParseInstallType("gptsyslinux");
  facts.loader.reset();
  CHECK_THROWS_WITH(PlanInstall(facts, request),
                    Catch::Contains("the image os 1 does not bring syslinux"));
  facts.loader = bootloader::SyslinuxParts{.ldlinux_sys = std::string(60'000, 'l'),
                                           .modules = {{"ldlinux.c32", "module"}}};
  const auto plan = PlanInstall(facts, request);
  CHECK(plan.layout.legacy_boot);
  CHECK(plan.entry.loader == bootloader::LoaderKind::kSyslinux);
  CHECK_THAT(
      bootloader::KernelCommandLine(plan.entry),
      Catch::Contains("ros.root=" + plan.layout.Get(partitions::PartitionRole::kSlotA).uuid + " "));
  const auto text = DescribeInstall(plan);
  for (const auto* part : {"write syslinux for BIOS machines (58.6 KiB) and its boot sectors",
                           "/SYSLINUX/LDLINUX.SYS",
                           "/SYSLINUX/SECOND.CFG",
                           "SYSLINUX.CFG"}) {
    CHECK_THAT(text, Catch::Contains(part));
  }
  CHECK_THAT(text, !Catch::Contains("SUMS"));
  facts.disk.sector_size = 4096;
  CHECK_THROWS_WITH(PlanInstall(facts, request),
                    Catch::Contains("sectors of 4096 bytes, from which syslinux cannot boot"));
}

TEST_CASE("PlanInstall: a unified kernel", "[installer]") {
  auto facts = SomeFacts();
  auto request = SomeRequest();
  request.kernel_arguments.clear();
  CHECK(SecureBootWarning(PlanInstall(facts, request), bootloader::SecureBoot::kOff, {}).empty());
  CHECK_THAT(SecureBootWarning(PlanInstall(facts, request), bootloader::SecureBoot::kOn, {}),
             Catch::Contains("this machine will not start from /dev/sda"));

  facts.image.manifest.unified_kernel =
      images::Descriptor{.digest = keys::Sha256Of({}), .size = 30_MiB};
  CHECK_THROWS_WITH(PlanInstall(facts, request), Catch::Contains("are not for one another"));
  CHECK_THROWS_WITH(LoaderFor(facts.image.manifest, bootloader::LoaderKind::kSyslinux),
                    Catch::Contains("syslinux cannot"));
  request.loader = LoaderFor(facts.image.manifest, bootloader::LoaderKind::kGrub);
  CHECK(request.loader == bootloader::LoaderKind::kGrubUki);
  facts.loader = bootloader::GrubParts{
      .efi_image = std::string(700'000, 'e'), .version = "2.06-13", .owner_signed = true};
  const auto plan = PlanInstall(facts, request);
  CHECK_FALSE(plan.boots_bios);
  CHECK(plan.boots_uefi);
  // Nobody could read db.
  CHECK(SecureBootWarning(plan, bootloader::SecureBoot::kOn, {}).empty());
  const auto text = DescribeInstall(plan);
  CHECK_THAT(text,
             Catch::Contains("on UEFI machines only") && Catch::Contains("LINUX.EFI  30 MiB") &&
                 !Catch::Contains("GRUB.CFG") && !Catch::Contains("for BIOS machines"));

  request.kernel_arguments = {"quiet"};
  CHECK_THROWS_WITH(PlanInstall(facts, request), Catch::Contains("ros image build --append"));
  request.kernel_arguments.clear();
  facts.kept = KeptState{};
  CHECK_THROWS_WITH(PlanInstall(facts, request), Catch::Contains("without --keep-state"));
}

TEST_CASE("ParseInstallType: RancherOS's names, and a list for others", "[installer]") {
  using bootloader::LoaderKind;
  CHECK(ParseInstallType("generic") == LoaderKind::kGrub);
  CHECK(ParseInstallType("grub") == LoaderKind::kGrub);
  CHECK(ParseInstallType("syslinux") == LoaderKind::kSyslinux);
  CHECK(ParseInstallType("gptsyslinux") == LoaderKind::kSyslinux);
  CHECK_THROWS_WITH(ParseInstallType("amazon-ebs-hvm"),
                    Catch::Contains("is no install type; known are generic and grub"));
}

TEST_CASE("PlanInstall: a disk with sectors of 4096 bytes boots on UEFI alone", "[installer]") {
  auto facts = SomeFacts();
  CHECK_THAT(DescribeInstall(PlanInstall(facts, SomeRequest())),
             Catch::Contains("boots    on BIOS and UEFI machines\n"));
  facts.disk.sector_size = 4096;
  const auto plan = PlanInstall(facts, SomeRequest());
  CHECK(plan.layout.sector_size == 4096);
  CHECK(plan.boot.sector_size == 4096);
  const auto text = DescribeInstall(plan);
  CHECK_THAT(text, Catch::Contains("boots    on UEFI machines only (sectors of 4096 bytes)\n"));
  CHECK_THAT(text, Catch::Contains("BOOTX64.EFI"));
  CHECK_THAT(text, !Catch::Contains("boot sector"));
  CHECK_THAT(InstallToJson(plan).Dump(), Catch::Contains(R"("boots_bios":false)"));

  INFO("and needs a loader for it");
  std::get<bootloader::GrubParts>(*facts.loader).efi_image.clear();
  CHECK_THROWS_WITH(PlanInstall(facts, SomeRequest()),
                    "/dev/sda has sectors of 4096 bytes, from which GRUB can boot UEFI machines "
                    "only, and the image brings no GRUB for UEFI");
}

TEST_CASE("PlanInstall: tells the firmware of a disk, and of no image file", "[installer]") {
  auto facts = SomeFacts();
  CHECK_THAT(DescribeInstall(PlanInstall(facts, SomeRequest())), !Catch::Contains("boot entry"));
  facts.boot_entries = bootloader::BootEntries{.options = {{0, ""}, {1, ""}}, .order = {1, 0}};
  auto plan = PlanInstall(facts, SomeRequest());
  CHECK_THAT(DescribeInstall(plan),
             Catch::Contains("make the firmware's boot entry Boot0002 \"os\" for "
                             "/EFI/ROS/BOOTX64.EFI on partition 2, first in its order\n"));
  const auto& entry = std::get<MakeBootEntry>(plan.steps.back()).entry;
  const auto& boot = plan.layout.Get(partitions::PartitionRole::kBoot);
  CHECK(entry.program.partition_uuid == boot.uuid);
  CHECK(entry.program.first_sector * 512 == boot.offset);
  CHECK(entry.program.sectors * 512 == boot.length);
  CHECK(entry.order == std::vector<std::uint16_t>{2, 1, 0});

  INFO("a second installation onto the same disk");
  facts.boot_entries->options[2] = bootloader::FormatBootOption(entry.description, entry.program);
  facts.disk.table.partitions = {{.number = 2, .uuid = boot.uuid}};
  auto again = SomeRequest();
  again.seed = "6a1f2b3c-0000-4000-8000-000000000002";
  CHECK_THAT(DescribeInstall(PlanInstall(facts, again)),
             Catch::Contains("renew the firmware's boot entry Boot0002"));

  INFO("for an image file, and without a loader for UEFI");
  facts.disk.kind = partitions::TargetKind::kImageFile;
  CHECK_THAT(DescribeInstall(PlanInstall(facts, SomeRequest())), !Catch::Contains("boot entry"));
  facts.disk.kind = partitions::TargetKind::kWholeDisk;
  std::get<bootloader::GrubParts>(*facts.loader).efi_image.clear();
  CHECK_THAT(DescribeInstall(PlanInstall(facts, SomeRequest())), !Catch::Contains("boot entry"));
}

TEST_CASE("PlanInstall: the sectors of a file are chosen, those of a disk are not", "[installer]") {
  auto facts = SomeFacts();
  auto request = SomeRequest();
  request.sector_size = 4096;
  CHECK_THROWS_WITH(PlanInstall(facts, request),
                    "/dev/sda has sectors of 512 bytes of its own; --sector-size is for disk image "
                    "files");
  facts.disk.kind = partitions::TargetKind::kImageFile;
  CHECK(PlanInstall(facts, request).layout.sector_size == 4096);
  request.sector_size = 1024;
  CHECK_THROWS_WITH(PlanInstall(facts, request), Catch::Contains("--sector-size is 512 or 4096"));
}

TEST_CASE("ReadBootLoader: a layer that is no boot loader is told before anything is written",
          "[installer]") {
  const TempDirectory directory;
  images::fakes::Assemble(images::fakes::MakeParts(256_KiB, 1), {})
      .WriteLayout(directory.path() / "image");
  const auto source = images::OpenImage(directory.path() / "image");
  CHECK_THROWS_WITH(ReadBootLoader(*source, images::InspectImage(*source), {}),
                    Catch::Contains("/image: the boot loader layer: "));
}

TEST_CASE("PlanInstall: what may not be a target, and what is lost", "[installer]") {
  auto facts = SomeFacts();
  auto request = SomeRequest();
  facts.disk.unknown_data = 4096;
  CHECK(PlanInstall(facts, request).losses ==
        std::vector<std::string>{"data of no known kind, from byte 4096 on"});
  facts.disk = {.path = "/dev/sdz"};
  request.create_size = 8_GiB;
  CHECK_THROWS_WITH(PlanInstall(facts, request), Catch::Contains("there is no /dev/sdz; lsblk"));
  facts.disk.path = "new.img";
  CHECK_NOTHROW(PlanInstall(facts, request));
}

}  // namespace ros::installer
