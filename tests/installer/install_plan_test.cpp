#include "installer/install_plan.hpp"

#include <catch2/catch.hpp>

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

InstallFacts SomeFacts() {
  InstallFacts facts;
  facts.disk.path = "/dev/sda";
  facts.disk.kind = partitions::TargetKind::kWholeDisk;
  facts.disk.size = 8_GiB;
  auto& image = facts.image;
  image.manifest.kernel.size = 8_MiB;
  image.manifest.initrd.size = 20_MiB;
  image.manifest.bootloader = images::Descriptor{.size = 100_KiB};
  image.config.name = "os";
  image.config.version = "1";
  image.config.architecture = "amd64";
  image.config.epoch = 12;
  image.config.root = {.filesystem = "erofs",
                       .size = 512_MiB,
                       .verity = {std::string(64, 'a'), std::string(64, 'b')}};
  image.raw_manifest = "{}";
  image.raw_config = "{}";
  image.raw_signatures = "[]";
  return facts;
}

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
                           "       /GRUB/GRUBENV2  1 KiB\n",
                           "4 files\n",
                           "       /ros/args                     6 bytes\n",
                           "       /ros/config/cloud-config.yml  14 bytes\n",
                           "       /ros/epoch                    3 bytes\n",
                           "       /ros/keys/release.pub         178 bytes\n"}) {
    CHECK_THAT(text, Catch::Contains(part));
  }
  for (const auto* part : {R"({"name":"KERNEL","bytes":8388608})",
                           R"({"path":"/GRUB/GRUBENV","bytes":1024})",
                           R"({"path":"/ros/config/cloud-config.yml","bytes":14})"}) {
    CHECK_THAT(json, Catch::Contains(part));
  }
}

TEST_CASE("PlanInstall: what may not be a target, and what is lost", "[installer]") {
  auto facts = SomeFacts();
  auto request = SomeRequest();
  facts.disk.unknown_data = 4096;
  CHECK(PlanInstall(facts, request).losses ==
        std::vector<std::string>{"data of no known kind, from byte 4096 on"});
  facts.disk = {.path = "/dev/sdz"};
  request.create_size = 8_GiB;
  CHECK_THROWS_WITH(PlanInstall(facts, request), Catch::Contains("--size makes files"));
  facts.disk.path = "new.img";
  CHECK_NOTHROW(PlanInstall(facts, request));
}

}  // namespace ros::installer
