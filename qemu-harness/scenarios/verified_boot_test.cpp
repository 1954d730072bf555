// Keys in the initrd: what a slot was started from is compared with what was signed.
#include <catch2/catch.hpp>
#include <regex>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

// Makes the kernel arguments of a slot name a root hash that is no image's.
void ForgeRootHash(DiskImage& disk, const std::string& slot) {
  const std::string entry =
      ReadBootFile(disk, FindBootFile(disk, slot + "/" + Setup().loader->entry));
  std::smatch hash;
  REQUIRE(std::regex_search(entry, hash, std::regex("ros\\.verity=[0-9a-f]{64}")));
  ReplaceInEntry(disk, slot, hash.str(), "ros.verity=" + std::string(64, '5'));
}

}  // namespace

TEST_CASE("slot-is-verified-at-boot", "[qemu]") {
  Story story("verified", {"tiny-verified-next"}, NewDisk("tiny-verified"));
  {
    Machine& machine = story.Boot();
    CHECK(BootCheck(machine) == "verified");
    CHECK_FALSE(WhyTells(machine, "signed"));
    story.WaitForServices();
    story.PowerOff();
  }

  INFO("the kernel arguments of the good slot were changed: the signed root runs, and it is told");
  ForgeRootHash(story.disk(), "/A");
  {
    Machine& machine = story.Boot();
    CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
    CHECK(BootCheck(machine) == "signed-root-used");
    CHECK(WhyTells(machine, "name the root hash 555555555555... and not the one that was signed"));
    CHECK_THAT(machine.console().text(),
               Catch::Contains("ros-init: the kernel arguments of slot a"));
    story.WaitForServices();
    story.Upgrade("tiny-verified-next", "--tries 1");
    story.PowerOff();
  }

  INFO("the manifest of a trial is damaged: it is given up before its root is looked at");
  const BootFile manifest = FindBootFile(story.disk(), "/B/MANIFEST");
  story.disk().Damage(manifest.extents.at(0).offset + 64, 16);
  Machine& machine = story.Boot();
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  CHECK(SlotsStarted(machine) == "ba");
  story.WaitForServices();
  CHECK(Ask(machine, "ros why").At("why", "why").AsString("why") == "tries-used-up");
  CHECK(WhyTells(machine, "what slot b was started from is not verified"));
}
