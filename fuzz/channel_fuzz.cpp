#include "fuzz/target.hpp"
#include "trust/channel_judgement.hpp"

namespace ros::fuzz {
namespace {

bool AllMet(const std::vector<trust::RuleResult>& rules) {
  for (const auto& rule : rules) {
    Expect(!rule.rule.empty() && !rule.how.empty(), "a rule says how it was met");
    if (!rule.met) {
      return false;
    }
  }
  return true;
}

}  // namespace

// A document comes out of an archive whose signatures verified.
void Run(ByteSpan input) {
  const auto channel = trust::ParseChannel(AsText(input));
  Expect(input.size() <= trust::kMaxChannelSize, "the limit holds");
  Expect(channel.releases.size() <= trust::kMaxReleases, "the limit of releases holds");
  Expect(trust::IsChannelName(channel.name), "the name is one");
  // Written by us a document may be longer: all that it leaves out is there.
  if (std::string text; Succeeds([&] { text = trust::WriteChannel(channel); })) {
    Expect(trust::ParseChannel(text) == channel, "what is written is read back the same");
  }
  const trust::ShownChannel shown{.channel = channel, .digest = keys::Sha256Of(input)};
  const auto takes = [&](const std::optional<trust::AcceptedChannel>& accepted, UnixTime now) {
    return AllMet(trust::JudgeChannel({}, shown, accepted, now));
  };
  Expect(takes({}, channel.not_after) == !channel.halted, "nothing is taken of a halted one");
  Expect(!takes({}, channel.not_after + 1), "an expired one is not taken");
  Expect(!takes({{.serial = channel.serial + 1, .digest = shown.digest}}, channel.not_after),
         "none goes backwards");
  Expect(!takes({{.serial = channel.serial, .digest = {}}}, channel.not_after),
         "no second one of the same serial");
  for (const auto& release : channel.releases) {
    Expect(AllMet(trust::JudgeRelease(channel, release.digest, release.version)) ==
               (release.share > 0),
           "what is listed is released unless it was withdrawn");
    Expect(trust::IsInWave("machine", release.version, 100) &&
               !trust::IsInWave("machine", release.version, 0),
           "all machines are in, or none");
  }
  Expect(!AllMet(trust::JudgeRelease(channel, keys::Sha256Of(AsBytes("none")), "1")),
         "what is not listed is not released");
}

std::vector<Seed> Seeds() {
  trust::Channel channel{
      .name = "stable", .serial = 1, .created = 1'700'000'000, .not_after = 1'700'086'400};
  const auto small = trust::WriteChannel(channel);
  channel.halted = true;
  channel.releases = {{.version = "1.2.0", .digest = keys::Sha256Of(AsBytes("1"))},
                      {.version = "1.3.0",
                       .digest = keys::Sha256Of(AsBytes("2")),
                       .share = 10,
                       .image = "registry.example/os:1.3.0"}};
  return {{"small", small}, {"whole", trust::WriteChannel(channel)}};
}

}  // namespace ros::fuzz
