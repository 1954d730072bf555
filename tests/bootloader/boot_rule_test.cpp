// NextBoot is the boot loader's rule written in C++; each boot loader has the same rule again. Here
// both are asked for every boot state, with each slot's files whole or not, and must agree.
#include <catch2/catch.hpp>
#include <vector>

#include "boot_rule_table.hpp"
#include "grub_machine.hpp"
#include "rule_disk.hpp"

namespace ros::bootloader::test {
namespace {

std::string KernelOf(const std::optional<SlotId>& slot) {
  return slot ? "disk " + std::string(Name(*slot)) : "";
}

std::optional<std::string> NameOf(const std::optional<SlotId>& slot) {
  return slot ? std::optional(std::string(Name(*slot))) : std::nullopt;
}

std::optional<std::string> NumberOf(const std::optional<int>& number) {
  return number ? std::optional(std::to_string(*number)) : std::nullopt;
}

void Compare(const RuleDisk& disk, const Situation& situation) {
  disk.Prepare(situation);
  REQUIRE(disk.State() == situation.Readable());
  const auto expected = NextBoot(situation.Readable(), situation.loadable);
  const auto boot = Boot({.disks = {disk.path()}});
  INFO(situation << "\n" << boot.log);
  CHECK(boot.kernel == KernelOf(expected.slot));
  CHECK(boot.Argument("ros.slot") == NameOf(expected.slot));
  CHECK(boot.Argument("ros.trial") == NumberOf(expected.trial_tries_left));
  if (expected.slot) {
    CHECK(boot.Argument("ros.fell") == NameOf(expected.fell));
    CHECK(boot.initrd == "initrd of " + KernelOf(expected.slot));
  }
  CHECK(disk.State() == expected.after);
}

void CompareAll(const std::vector<Situation>& situations) {
  const TempDirectory scratch("ros-boot-rule");
  const auto disk = MakeGrubRuleDisk(scratch.path() / "disk");
  for (const auto& situation : situations) {
    Compare(*disk, situation);
  }
}

}  // namespace

TEST_CASE("boot-rule-every-situation", "[bootloader][qemu]") {
  CompareAll(EverySituation());
}

TEST_CASE("boot-rule-each-kind", "[bootloader][qemu]") {
  CompareAll(SituationsOfEachKind());
}

}  // namespace ros::bootloader::test
