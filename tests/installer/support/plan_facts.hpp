#pragma once

#include <string>

#include "installer/install_plan.hpp"

namespace ros::testing {

// An image of 512 MiB that suits any disk of 8 GiB, and such a disk: /dev/sda, empty.
inline installer::InstallFacts SomeFacts() {
  using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.
  installer::InstallFacts facts;
  facts.disk.path = "/dev/sda";
  facts.disk.kind = partitions::TargetKind::kWholeDisk;
  facts.disk.size = 8_GiB;
  facts.loader = bootloader::GrubParts{.boot_image = std::string(512, 'b'),
                                       .core_image = std::string(100_KiB, 'c'),
                                       .efi_image = "MZ" + std::string(700_KiB - 2, 'e')};
  auto& image = facts.image;
  image.manifest.kernel.size = 8_MiB;
  image.manifest.initrd.size = 20_MiB;
  image.config.name = "os";
  image.config.version = "1";
  image.config.architecture = "amd64";
  image.config.epoch = 12;
  image.config.root = {.filesystem = "erofs",
                       .size = 512_MiB,
                       .verity = {std::string(64, 'a'), std::string(64, 'b')}};
  image.chunks = {{.length = 4096, .packed_length = 100}};
  image.raw_manifest = "{}";
  image.raw_config = "{}";
  image.raw_signatures = "[]";
  return facts;
}

}  // namespace ros::testing
