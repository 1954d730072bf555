#pragma once

#include <algorithm>
#include <string>
#include <variant>

#include "installer/upgrade_plan.hpp"

// What an upgrade may find, for tests of its plan.
namespace ros::installer::fakes {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.
using bootloader::BootState;
using bootloader::Trial;
using partitions::PartitionRole;

inline keys::Digest DigestOf(char letter) {
  return keys::Digest::ParseHex(std::string(64, letter));
}

inline partitions::RosDisk SomeDisk() {
  partitions::RosDisk disk{.path = "/dev/sda", .uuid = "00000000-0000-4000-8000-000000000000"};
  Bytes offset = 1_MiB;
  for (const auto role : partitions::kPartitionRoles) {
    disk.partitions.push_back({.role = role,
                               .uuid = "00000000-0000-4000-8000-00000000000" +
                                       std::to_string(partitions::PartitionNumber(role)),
                               .path = "/dev/sda",
                               .offset = offset,
                               .length = 1_GiB});
    offset += 1_GiB;
  }
  return disk;
}

inline images::VerifiedImage SomeImage(const std::string& version, char digest) {
  images::VerifiedImage image;
  image.manifest.digest = DigestOf(digest);
  image.manifest.kernel.size = 8_MiB;
  image.manifest.initrd.size = 20_MiB;
  image.manifest.root_index.size = 104;
  image.config.name = "os";
  image.config.version = version;
  image.config.architecture = "amd64";
  image.config.root = {.filesystem = "erofs",
                       .size = 512_MiB,
                       .verity = {std::string(64, 'a'), std::string(64, 'b')}};
  image.raw_manifest = "{}";
  image.raw_config = "{}";
  image.raw_signatures = "[]";
  image.signers = {"release.pub"};
  return image;
}

inline SlotContent Holding(SlotId slot, const std::string& version, char digest) {
  images::ImageConfig config;
  config.version = version;
  return {.slot = slot, .complete = true, .digest = DigestOf(digest).ToString(), .config = config};
}

// Slot a runs version 1 and is good, slot b is empty, version 2 comes.
inline UpgradeFacts SomeFacts() {
  UpgradeFacts facts;
  facts.disk = SomeDisk();
  facts.boot = {.first = {BootState{}, ""}, .second = {BootState{}, ""}};
  facts.slots = {Holding(SlotId::kA, "1", '1'), SlotContent{.slot = SlotId::kB}};
  for (const auto* name : {"KERNEL", "INITRD", "GRUB.CFG", "MANIFEST", "CONFIG", "SIGS", "SUMS"}) {
    facts.capacity[name] = 32_MiB;
  }
  facts.image = SomeImage("2", '2');
  return facts;
}

inline void RunsB(UpgradeFacts& facts) {
  facts.running = SlotId::kB;
  facts.slots[1] = Holding(SlotId::kB, "1", '1');
}

inline void SetState(UpgradeFacts& facts, const BootState& state) {
  facts.boot.first.state = state;
}

// Serial 7 has released version 2.
inline trust::ShownChannel SomeChannel() {
  return {.channel = {.name = "stable",
                      .serial = 7,
                      .not_after = 1'800'000'000,
                      .releases = {{.version = "2", .digest = DigestOf('2'), .share = 10}}},
          .digest = DigestOf('d')};
}

template <typename Step>
bool Has(const UpgradePlan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const auto& step) {
    return std::holds_alternative<Step>(step);
  });
}

}  // namespace ros::installer::fakes
