#include <catch2/catch.hpp>

#include "tests/installer/support/upgrade_facts.hpp"

namespace ros::installer {

using namespace fakes;  // NOLINT(google-build-using-namespace): the facts of these tests.

TEST_CASE("DescribeUpgrade: lists the files that both sides changed", "[installer]") {
  auto facts = SomeFacts();
  CHECK_THAT(DescribeUpgrade(PlanUpgrade(facts, {}), SomeDisk()), !Catch::Contains("/etc"));
  facts.etc.both = {"etc/ssh/sshd_config"};
  const auto plan = PlanUpgrade(facts, {});
  CHECK_THAT(DescribeUpgrade(plan, SomeDisk()), Catch::Contains("       /etc/ssh/sshd_config\n"));
  CHECK_THAT(UpgradeToJson(plan).Dump(), Catch::Contains("{\"path\":\"/etc/ssh/sshd_config\"}"));
  facts.etc = {.unknown = "the slot cannot be read"};
  CHECK_THAT(DescribeUpgrade(PlanUpgrade(facts, {}), SomeDisk()),
             Catch::Contains("the slot cannot be read"));
}

TEST_CASE("DescribeUpgrade: tells versions, digest, signer and every step", "[installer]") {
  const auto text = DescribeUpgrade(PlanUpgrade(SomeFacts(), {}), SomeDisk());
  for (const auto* part : {"upgrade os 1 -> 2",
                           "by release.pub",
                           ">ROS-B",
                           "write the root of slot b: 512 MiB",
                           "KERNEL    8 MiB",
                           "try slot b up to 3 times",
                           "of which chunks the root of slot b is made, 104 bytes",
                           "9. reboot"}) {
    CHECK_THAT(text, Catch::Contains(part));
  }
}

TEST_CASE("PlanUpgrade: tells what comes over the network, and what does not", "[installer]") {
  auto facts = SomeFacts();
  CHECK_FALSE(PlanUpgrade(facts, {}).reuse);
  facts.image.manifest.kernel.digest = keys::Sha256Of(AsBytes("kernel"));
  facts.image.manifest.initrd.digest = keys::Sha256Of(AsBytes("initrd"));
  facts.reuse = ImageReuse{
      .root = {.chunks = {}, .fetched = 3_MiB, .unpacked = 9_MiB, .copied = 500_MiB, .kept = 3_MiB},
      .why = "the image has no delta from 1",
      .files = {.held = {{facts.image.manifest.kernel.digest, "KERNEL"}}, .patched = {}}};
  const auto plan = PlanUpgrade(facts, {});
  CHECK(plan.to_fetch == 3_MiB + facts.image.manifest.initrd.size);
  CHECK_THAT(DescribeUpgrade(plan, SomeDisk()),
             Catch::Contains("fetch    23 MiB; 500 MiB of the root are in slot a; 3 MiB of it are "
                             "in their place already; KERNEL is that of slot a\n"
                             "  by       chunks: the image has no delta from 1\n"));
  CHECK_THAT(
      UpgradeToJson(plan).Dump(),
      Catch::Contains(R"("fetch_bytes":24117248,"way":"chunks",)"
                      R"("why":"the image has no delta from 1","root":{"fetch_bytes":3145728,)") &&
          Catch::Contains(R"("written_bytes":533725184)"));
  // A root that is there as a whole is not fetched.
  facts.target_holds_image = true;
  const auto rest = PlanUpgrade(facts, {});
  CHECK(rest.to_fetch == facts.image.manifest.initrd.size);
  CHECK_THAT(DescribeUpgrade(rest, SomeDisk()), !Catch::Contains("  by  "));
  CHECK_THAT(UpgradeToJson(rest).Dump(), Catch::Contains(R"("written_bytes":0)"));
}

}  // namespace ros::installer
