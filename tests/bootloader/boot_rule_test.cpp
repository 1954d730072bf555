// NextBoot is the boot loader's rule written in C++; each boot loader has the same rule again. Here
// both are asked for every boot state, with each slot's files whole or not, and must agree.
#include <catch2/catch.hpp>
#include <memory>
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
  auto boot = Boot({.disks = {disk.path()}});
  if (expected.slot) {
    boot.arguments.push_back(disk.Told(*expected.slot));
  }
  INFO(situation << "\n" << boot.log);
  CHECK(boot.kernel == KernelOf(expected.slot));
  CHECK(boot.Argument("ros.slot") == NameOf(expected.slot));
  CHECK(boot.Argument("ros.trial") == NumberOf(expected.trial_tries_left));
  if (expected.slot) {
    const auto fell = disk.TellsWhatFell(situation) ? expected.fell : std::nullopt;
    CHECK(boot.Argument("ros.fell") == NameOf(fell));
    CHECK(boot.initrd == "initrd of " + KernelOf(expected.slot));
  }
  CHECK(disk.State() == expected.after);
}

void CompareAll(
    const std::vector<Situation>& situations,
    std::unique_ptr<RuleDisk> (*make)(const std::filesystem::path&) = MakeGrubRuleDisk) {
  const TempDirectory scratch("ros-boot-rule");
  const auto disk = make(scratch.path() / "disk");
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

TEST_CASE("owner-rule-every-situation", "[bootloader][qemu]") {
  CompareAll(EverySituation(), MakeOwnerRuleDisk);
}

TEST_CASE("owner-rule-each-kind", "[bootloader][qemu]") {
  CompareAll(SituationsOfEachKind(), MakeOwnerRuleDisk);
}

}  // namespace ros::bootloader::test
