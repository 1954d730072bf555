#include "installer/release_list.hpp"

#include <catch2/catch.hpp>

namespace ros::installer {
namespace {

keys::Digest DigestOf(const std::string& version) {
  return keys::Sha256Of(AsBytes(version));
}

// Version 1 is good and runs in slot a, version 2 was good in slot b.
Status SomeStatus() {
  Status status;
  status.running = SlotId::kA;
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    auto& content = status.slots.at(slot == SlotId::kA ? 0 : 1);
    content.slot = slot;
    content.complete = true;
    const std::string version = slot == SlotId::kA ? "1" : "2";
    content.digest = DigestOf(version).ToString();
    content.config = images::ImageConfig{.name = "os", .version = version};
  }
  return status;
}

ReleaseList SomeReleases() {
  ReleaseList list{.found = {.followed = ParseFollowedChannel("registry.example/os:stable"),
                             .machine = "machine",
                             .running = DigestOf("1").ToString(),
                             .running_version = "1"},
                   .tags = {"1", "2", "3"}};
  auto& channel = list.found.document.shown.channel;
  channel = {.name = "stable",
             .serial = 7,
             .releases = {{.version = "1", .digest = DigestOf("1")},
                          {.version = "2", .digest = DigestOf("2"), .share = 0},
                          {.version = "3", .digest = DigestOf("3"), .share = 1}}};
  REQUIRE_FALSE(trust::IsInWave("machine", "3", 1));
  list.found.choice =
      trust::ChooseRelease(channel, {.machine = "machine", .running = DigestOf("1").ToString()});
  return list;
}

}  // namespace

TEST_CASE("DescribeReleases: each release, its share, and which slot has it", "[installer]") {
  const auto status = SomeStatus();
  const auto text = DescribeReleases(SomeReleases(), status);
  CHECK_THAT(text, Catch::StartsWith("channel registry.example/os:stable, serial 7\n"));
  const auto line = [&](const std::string& begin) {
    const auto at = text.find("\n" + begin);
    REQUIRE(at != std::string::npos);
    return text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  };
  CHECK_THAT(
      line("1 "),
      Catch::Contains("100 %") && Catch::Contains("yes") && Catch::EndsWith("a, good, running"));
  CHECK_THAT(line("2 "), Catch::Contains("withdrawn") && Catch::Contains("b, "));
  CHECK_THAT(line("3 "), Catch::Contains("1 %") && Catch::Contains("not yet, its place is at"));
  auto rolled_back = SomeReleases();
  rolled_back.found.bad = {DigestOf("3").ToString()};
  CHECK_THAT(DescribeReleases(rolled_back, status), Catch::Contains("no, it was rolled back here"));
  CHECK(line("tags") == "tags of registry.example/os: 1 2 3");
  CHECK_THAT(line("not yet"), Catch::Contains("ros upgrade --now"));
  auto halted = SomeReleases();
  halted.found.document.shown.channel.halted = true;
  CHECK_THAT(DescribeReleases(halted, status), Catch::Contains("serial 7, HALTED\n"));
}

TEST_CASE("ReleasesToJson: the same for machines", "[installer]") {
  const auto json = ReleasesToJson(SomeReleases(), SomeStatus());
  const auto& releases = json.At("releases", "").AsArray("");
  REQUIRE(releases.size() == 3);
  CHECK(releases[0].At("slot", "").AsString("") == "a");
  CHECK(releases[0].At("good", "").AsBool(""));
  CHECK(releases[0].At("running", "").AsBool(""));
  CHECK(releases[1].At("withdrawn", "").AsBool(""));
  CHECK_FALSE(releases[1].At("running", "").AsBool(""));
  CHECK_FALSE(releases[2].At("in_wave", "").AsBool(""));
  CHECK_FALSE(releases[2].At("rolled_back", "").AsBool(""));
  CHECK(releases[2].Find("slot", "") == nullptr);
  CHECK(json.Find("take", "") == nullptr);
  CHECK(json.At("tags", "").Dump() == R"(["1","2","3"])");
  auto list = SomeReleases();
  list.found.choice.choice = trust::Choice::kTake;
  CHECK(ReleasesToJson(list, SomeStatus()).At("take", "").AsString("") == "3");
}

TEST_CASE("ImageTags: without signatures and documents", "[installer]") {
  CHECK(ImageTags({"1.2.0", "sha256-00.sig", "sha256-00.att", "stable.channel", "latest"}) ==
        std::vector<std::string>{"1.2.0", "latest"});
}

TEST_CASE("DescribeSlotImages: one line a slot", "[installer]") {
  CHECK_THAT(DescribeSlotImages(SomeStatus()),
             Catch::StartsWith("os:1 slot a good running\nos:2 slot b "));
}

}  // namespace ros::installer
