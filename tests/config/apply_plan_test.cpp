#include <catch2/catch.hpp>

#include "config/apply.hpp"

using namespace ros::config;

namespace {

CloudConfig FullConfig() {
  return ParseCloudConfig(
      "#cloud-config\nhostname: web1\nssh_authorized_keys: [k]\n"
      "write_files: [{path: /a}, {path: /b}]\n"
      "mounts: [[sdb1, /data], ['server:/x', /net, nfs, '_netdev']]\n"
      "bootcmd: [b]\nruncmd: [r, s]\n",
      "c.yml");
}

History AllDone(const CloudConfig& config, const BootIdentity& identity) {
  History history{identity, {}, {}};
  for (const auto& step : PlanApply(config, {}, identity, Stage::kAll)) {
    (step.frequency == Frequency::kOnce ? history.once : history.this_boot).insert(step.mark);
  }
  return history;
}

std::string Plan(const CloudConfig& config,
                 const History& history,
                 const BootIdentity& now,
                 Stage stage = Stage::kAll) {
  return DescribeSteps(PlanApply(config, history, now, stage));
}

BootIdentity FirstBoot() {
  return {"disk1", "boot1"};
}

}  // namespace

TEST_CASE("PlanApply: everything in order on the first boot", "[config]") {
  CHECK(Plan(FullConfig(), {}, FirstBoot()) ==
        "bootcmd (each boot): 1 command\n"
        "hostname (each boot): web1\n"
        "mounts (each boot): /dev/sdb1 on /data\n"
        "mounts (each boot): server:/x on /net\n"
        "write_files (once): /a\n"
        "write_files (once): /b\n"
        "ssh_authorized_keys (once): 1 key\n"
        "runcmd (once): 2 commands\n");
  CHECK(PlanApply({}, {}, FirstBoot(), Stage::kAll).empty());
}

TEST_CASE("PlanApply: what waits for the network and the services is late", "[config]") {
  CHECK(Plan(FullConfig(), {}, FirstBoot(), Stage::kLate) ==
        "mounts (each boot): server:/x on /net\n"
        "runcmd (once): 2 commands\n");
  CHECK_THAT(Plan(FullConfig(), {}, FirstBoot(), Stage::kEarly), !Catch::Contains("runcmd"));
}

TEST_CASE("PlanApply: each boot, once, and a new instance", "[config]") {
  const auto config = FullConfig();
  const auto history = AllDone(config, FirstBoot());
  CHECK(Plan(config, history, FirstBoot()).empty());
  CHECK(Plan(config, history, {"disk1", "boot2"}) ==
        "bootcmd (each boot): 1 command\n"
        "hostname (each boot): web1\n"
        "mounts (each boot): /dev/sdb1 on /data\n"
        "mounts (each boot): server:/x on /net\n");
  CHECK(Plan(config, history, {"disk2", "boot2"}) == Plan(config, {}, FirstBoot()));
}

TEST_CASE("PlanApply: a changed file and new keys count as new, a changed runcmd does not",
          "[config]") {
  auto config = FullConfig();
  const auto history = AllDone(config, FirstBoot());
  config.write_files[1].content = "new";
  config.ssh_authorized_keys.emplace_back("k2");
  config.runcmd[0].line = "changed";
  config.hostname = "web2";
  CHECK(Plan(config, history, FirstBoot()) ==
        "hostname (each boot): web2\n"
        "write_files (once): /b\n"
        "ssh_authorized_keys (once): 2 keys\n");
}

TEST_CASE("StepsToJson: a record at the top and for each step", "[config]") {
  CloudConfig config;
  config.hostname = "web1";
  CHECK(StepsToJson(PlanApply(config, {}, FirstBoot(), Stage::kAll)).Dump() ==
        R"({"steps":[{"section":"hostname","frequency":"each boot","what":"web1"}]})");
}
