#include "installer/followed_text.hpp"

#include <catch2/catch.hpp>

namespace ros::installer {
namespace {

using trust::Choice;

FollowedRelease Found(Choice choice, const std::string& version = "1.3.0") {
  return {.followed = ParseFollowedChannel("registry.example/os:stable"),
          .document = {.shown = {.channel = {.name = "stable", .serial = 7, .not_after = 100}}},
          .choice = {.choice = choice,
                     .release = {.version = version,
                                 .digest = keys::Sha256Of(AsBytes("3")),
                                 .share = 10},
                     .place = 4205},
          .running = "sha256:aa",
          .running_version = "1.2.0"};
}

}  // namespace

TEST_CASE("DescribeFollowed: says why, and what to do", "[installer]") {
  const std::pair<Choice, const char*> cases[] = {
      {Choice::kTake,
       "channel stable (serial 7) has version 1.3.0 for this machine, which runs 1.2.0"},
      {Choice::kUpToDate, "up to date: version 1.3.0 is running"},
      {Choice::kWaits,
       "not yet: version 1.3.0 is for 10 % of the machines by now, and this one's place is at "
       "42.05 %"},
      {Choice::kWaits, "ros upgrade --now"},
      {Choice::kRolledBack, "ros upgrade --retry"},
      {Choice::kWithdrawn, "has withdrawn version 1.2.0, which is running"},
      {Choice::kWithdrawn, "ros upgrade --allow-downgrade takes version 1.3.0"},
      {Choice::kHalted, "channel stable (serial 7) is halted"},
      {Choice::kNothing, "has released nothing for this machine"},
  };
  for (const auto& [choice, says] : cases) {
    CHECK_THAT(DescribeFollowed(Found(choice)), Catch::Contains(says));
  }
  CHECK_THAT(DescribeFollowed(Found(Choice::kWithdrawn, "")), Catch::EndsWith("the other slot"));
}

TEST_CASE("FollowedToJson: the same for machines", "[installer]") {
  const auto json = FollowedToJson(Found(Choice::kWaits));
  CHECK_FALSE(json.At("available", "").AsBool(""));
  CHECK(json.At("state", "").AsString("") == "waits");
  CHECK(json.At("channel", "").Dump() ==
        R"({"follows":"registry.example/os:stable","name":"stable","serial":7,)"
        R"("not_after":"1970-01-01T00:01:40Z","halted":false})");
  CHECK(json.At("release", "").At("share", "").AsUint("") == 10);
  CHECK(json.At("release", "").At("place", "").AsString("") == "42.05 %");
  CHECK(FollowedToJson(Found(Choice::kTake)).At("available", "").AsBool(""));
  CHECK(FollowedToJson(Found(Choice::kHalted, "")).Find("release", "") == nullptr);
}

TEST_CASE("FollowedMetrics: the text format of Prometheus", "[installer]") {
  auto found = Found(Choice::kTake);
  found.running_version = "1\"2\\3\n";
  CHECK(FollowedMetrics(found, 1800000000) ==
        "# HELP ros_upgrade_available Whether the channel has a release for this machine that does "
        "not run yet.\n"
        "# TYPE ros_upgrade_available gauge\n"
        "ros_upgrade_available{channel=\"stable\"} 1\n"
        "# HELP ros_upgrade_info What runs, what the channel has, and what becomes of it.\n"
        "# TYPE ros_upgrade_info gauge\n"
        "ros_upgrade_info{channel=\"stable\",running=\"1\\\"2\\\\3?\",release=\"1.3.0\","
        "state=\"take\"} 1\n"
        "# HELP ros_channel_serial The serial of the channel's document.\n"
        "# TYPE ros_channel_serial gauge\n"
        "ros_channel_serial{channel=\"stable\"} 7\n"
        "# HELP ros_channel_not_after_seconds The last second at which the channel's document "
        "counts, since 1970.\n"
        "# TYPE ros_channel_not_after_seconds gauge\n"
        "ros_channel_not_after_seconds{channel=\"stable\"} 100\n"
        "# HELP ros_channel_halted Whether who publishes the channel has stopped all upgrades.\n"
        "# TYPE ros_channel_halted gauge\n"
        "ros_channel_halted{channel=\"stable\"} 0\n"
        "# HELP ros_upgrade_check_time_seconds When the channel was looked at successfully, since "
        "1970.\n"
        "# TYPE ros_upgrade_check_time_seconds gauge\n"
        "ros_upgrade_check_time_seconds 1800000000\n");
}

}  // namespace ros::installer
