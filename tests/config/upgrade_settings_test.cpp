#include "config/upgrade_settings.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "config/cloud_config.hpp"
#include "config/config_file.hpp"
#include "tests/config/errors.hpp"

using ros::config::ReadUpgradeSettings;
using ros::config::UpgradeSettings;

namespace {

UpgradeSettings Read(const std::string& yaml) {
  return ReadUpgradeSettings(ros::config::ParseYaml(yaml, "c.yml"), "c.yml");
}

std::string RefusalOf(const std::string& yaml) {
  return UsageErrorOf([&] { Read(yaml); });
}

}  // namespace

TEST_CASE("ReadUpgradeSettings: nothing said is nothing set", "[config]") {
  for (const auto* yaml : {"", "hostname: a", "ros:", "ros: {upgrade: }", "ros: {debug: true}"}) {
    INFO(yaml);
    CHECK(Read(yaml) == UpgradeSettings());
  }
}

TEST_CASE("ReadUpgradeSettings: a channel in a registry", "[config]") {
  CHECK(Read("ros: {upgrade: {channel: 'registry.example/team/myos:stable'}}").channel ==
        "registry.example/team/myos:stable");
  CHECK(Read("ros: {upgrade: {channel: '127.0.0.1:5000/os:beta'}}").channel ==
        "127.0.0.1:5000/os:beta");
  for (const auto* wrong : {"stable",
                            "registry.example/myos",
                            "registry.example:5000/myos",
                            "registry.example/:stable",
                            "registry.example/myos:",
                            "/myos:stable",
                            "https://registry.example/myos:stable",
                            "registry.example/my os:stable",
                            "registry.example/myos:stable@sha256:00"}) {
    INFO(wrong);
    CHECK_THAT(
        RefusalOf("ros:\n  upgrade:\n    channel: '" + std::string(wrong) + "'\n"),
        Catch::StartsWith("c.yml:3:14: \"") && Catch::Contains("write REGISTRY/REPOSITORY:NAME"));
  }
  CHECK_THAT(RefusalOf("ros: {upgrade: {channel: [a]}}"), Catch::Contains("must be a string"));
}

TEST_CASE("ReadUpgradeSettings: a window and a delay", "[config]") {
  const auto settings = Read("ros: {upgrade: {window: 'Mon-Fri 02:00-04:00', delay: 90m}}");
  REQUIRE(settings.window);
  CHECK(*settings.window == ros::config::ParseUpgradeWindow("Mon-Fri 02:00-04:00"));
  CHECK(settings.delay == std::chrono::minutes(90));
  CHECK_THAT(RefusalOf("ros:\n  upgrade:\n    window: 2-4\n"),
             Catch::StartsWith("c.yml:3:13: \"2-4\" is no time window"));
  CHECK_THAT(RefusalOf("ros: {upgrade: {delay: soon}}"), Catch::Contains("write 90s, 5m or 2h"));
  CHECK_THAT(RefusalOf("ros: {upgrade: {delay: 25h}}"), Catch::Contains("longer than a day"));
}

TEST_CASE("ReadUpgradeSettings: refuses what it does not know", "[config]") {
  CHECK_THAT(RefusalOf("ros: {upgrade: {chanel: a}}"),
             Catch::Contains("unknown key \"chanel\" of ros.upgrade (did you mean \"channel\"?)"));
  CHECK_THAT(RefusalOf("ros: {upgrade: now}"), Catch::Contains("ros.upgrade must be a map"));
}

TEST_CASE("ReadCloudConfig: warns of wrong settings of upgrades, and goes on", "[config]") {
  const auto config = ros::config::ParseCloudConfig(
      "#cloud-config\nhostname: a\nros: {upgrade: {channel: b}}\n", "c");
  CHECK(config.hostname == "a");
  REQUIRE(config.warnings.size() == 1);
  CHECK_THAT(config.warnings[0],
             Catch::StartsWith("c:3:") && Catch::EndsWith("; ros upgrade will refuse that"));
}

TEST_CASE("ConfigFiles::Set: refuses wrong settings of upgrades, with nothing written",
          "[config]") {
  const ros::TempDirectory directory;
  const ros::config::ConfigFiles files(directory.path());
  CHECK_THAT(UsageErrorOf([&] { files.Set("ros.upgrade.channel", "stable"); }),
             Catch::Contains("is no channel to follow"));
  CHECK_THAT(UsageErrorOf([&] { files.Set("ros.upgrade.chanel", "r.example/os:a"); }),
             Catch::Contains("did you mean \"channel\""));
  CHECK_FALSE(std::filesystem::exists(directory.path() / "user.yml"));
  CHECK_THAT(UsageErrorOf([&] { files.Set("ros.upgrade.channel", "r.example/os:a.channel"); }),
             Catch::Contains("the channel itself is \"r.example/os:a\""));
  CHECK_THAT(UsageErrorOf([&] { files.Merge("#cloud-config\nros: {upgrade: {delay: x}}\n", "m"); }),
             Catch::StartsWith("m:2:"));
  CHECK_FALSE(std::filesystem::exists(directory.path() / "user.yml"));
  CHECK(files.Set("ros.upgrade.channel", "r.example/os:a").empty());
  CHECK(files.Upgrade() == UpgradeSettings{.channel = "r.example/os:a"});
  // What an installation has brought can be taken back, whatever it is called.
  CHECK(files.Set("ros.upgrade.chanel", "null").empty());
  CHECK(files.Upgrade() == UpgradeSettings{.channel = "r.example/os:a"});
}
