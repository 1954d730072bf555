#include "trust/channel_judgement.hpp"

#include <catch2/catch.hpp>

#include "keys/key_pair.hpp"

namespace ros::trust {
namespace {

constexpr UnixTime kNow = 1'800'000'000;

keys::Digest Digest(char digit) {
  return keys::Digest::ParseHex(std::string(64, digit));
}

// A document that meets all rules; a case breaks one.
struct Document {
  Restrictions rules{.max_age = {}, .channels = {{.name = "stable", .thresholds = {}}}};
  ShownChannel shown{.channel = {.name = "stable",
                                 .serial = 7,
                                 .created = kNow - 100,
                                 .not_after = kNow,
                                 .releases = {{.version = "1.2.0", .digest = Digest('1')},
                                              {.version = "1.3.0", .digest = Digest('2')}}},
                     .digest = Digest('d')};
  std::optional<AcceptedChannel> accepted;
};

struct Case {
  const char* what;
  void (*change)(Document& document);
  const char* rule;  // the one that is not met; empty: all are
  const char* how;
};

const Case kCases[] = {
    {"the first one", [](Document&) {}, "", ""},
    {"shown again",
     [](Document& d) { d.accepted = {{.serial = 7, .digest = Digest('d')}}; },
     "",
     ""},
    {"a newer one",
     [](Document& d) { d.accepted = {{.serial = 6, .digest = Digest('e')}}; },
     "",
     ""},
    {"no channel is asked for", [](Document& d) { d.rules.channels.clear(); }, "", ""},
    {"created in the future",
     [](Document& d) { d.shown.channel.created = kNow + 1'000'000'000; },
     "",
     ""},
    {"expired",
     [](Document& d) { d.shown.channel.not_after = kNow - 1; },
     "a channel document that has not expired",
     "it expired on 2027-01-15T07:59:59Z, and it is 2027-01-15T08:00:00Z now; get the newest"},
    {"going backwards",
     [](Document& d) { d.accepted = {{.serial = 8, .digest = Digest('d')}}; },
     "a channel that does not go backwards",
     "serial 7, and serial 8 has been accepted already"},
    {"two of one serial",
     [](Document& d) { d.accepted = {{.serial = 7, .digest = Digest('e')}}; },
     "a channel that does not go backwards",
     "two documents have the same serial"},
    {"halted",
     [](Document& d) { d.shown.channel.halted = true; },
     "a channel that is not halted",
     "has halted all upgrades"},
    {"another channel",
     [](Document& d) { d.shown.channel.name = "beta"; },
     "channel stable",
     "the document is of channel beta"},
    {"two channels asked for",
     [](Document& d) { d.rules.channels.push_back({.name = "beta", .thresholds = {}}); },
     "channel stable",
     "channels stable and beta are asked for"},
};

std::vector<RuleResult> NotMet(const std::vector<RuleResult>& rules) {
  std::vector<RuleResult> not_met;
  for (const auto& rule : rules) {
    if (!rule.met) {
      not_met.push_back(rule);
    }
  }
  return not_met;
}

}  // namespace

TEST_CASE("JudgeChannel: each rule, met and not", "[trust]") {
  for (const auto& test : kCases) {
    INFO(test.what);
    Document document;
    test.change(document);
    const auto broken =
        NotMet(JudgeChannel(document.rules, document.shown, document.accepted, kNow));
    REQUIRE(broken.size() == (*test.rule == '\0' ? 0U : 1U));
    if (!broken.empty()) {
      CHECK(broken.front().rule == test.rule);
      CHECK_THAT(broken.front().how, Catch::Contains(test.how));
    }
  }
}

TEST_CASE("JudgeRelease: this image, as this version, not withdrawn", "[trust]") {
  auto channel = Document().shown.channel;
  CHECK(NotMet(JudgeRelease(channel, Digest('2'), "1.3.0")).empty());
  const auto unknown = NotMet(JudgeRelease(channel, Digest('3'), "1.3.0"));
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].rule == "released in channel stable");
  CHECK_THAT(unknown[0].how, Catch::Contains("is not in channel stable (serial 7)"));
  const auto renamed = NotMet(JudgeRelease(channel, Digest('2'), "1.2.0"));
  REQUIRE(renamed.size() == 1);
  CHECK_THAT(renamed[0].how, Catch::Contains("as version 1.3.0, and the image says that it is"));
  channel.releases[1].share = 1;
  CHECK(NotMet(JudgeRelease(channel, Digest('2'), "1.3.0")).empty());
  channel.releases[1].share = 0;
  const auto withdrawn = NotMet(JudgeRelease(channel, Digest('2'), "1.3.0"));
  REQUIRE(withdrawn.size() == 1);
  CHECK(withdrawn[0].rule == "not withdrawn");
}

TEST_CASE("Tighten: a machine asks for a channel, and never for less", "[trust]") {
  const Policy images_two{.keys = {},
                          .restrictions = {.thresholds = {{2, "release"}}, .max_age = {}}};
  const auto asks = [](const char* name, std::vector<Threshold> thresholds) {
    return Restrictions{.max_age = {},
                        .channels = {{.name = name, .thresholds = std::move(thresholds)}}};
  };
  // A policy that asks for none.
  const auto own = Tighten(images_two, asks("stable", {}));
  CHECK(ChannelThresholds(own, "stable") == std::vector<Threshold>{{2, "release"}});
  CHECK(ChannelThresholds(Tighten(images_two, asks("stable", {{1, "ops"}})), "stable") ==
        std::vector<Threshold>{{1, "ops"}});
  // One that asks for the same channel: what it asks for stays, written down or not.
  CHECK(ChannelThresholds(Tighten(own, asks("stable", {{1, "ops"}})), "stable") ==
        std::vector<Threshold>{{2, "release"}, {1, "ops"}});
  const auto both =
      Tighten(Tighten(images_two, asks("stable", {{1, "channel"}})), asks("stable", {}));
  CHECK(ChannelThresholds(both, "stable") == std::vector<Threshold>{{1, "channel"}});
  // Another channel is none that could be followed.
  CHECK(WhyNoOneChannel(own.restrictions).empty());
  CHECK_THAT(WhyNoOneChannel(Tighten(own, asks("beta", {})).restrictions),
             Catch::Contains("a machine follows one"));
}

TEST_CASE("WhyImpossible: tells a channel whose document no key could sign", "[trust]") {
  const auto key = keys::PublicKey::FromPem(
      keys::PrivateKey::Generate(keys::KeyType::kEd25519).Public().ToPem(), "a");
  Policy policy{
      .keys = {{.name = "a", .key = key, .valid_from = std::nullopt, .valid_until = std::nullopt}},
      .restrictions = {.thresholds = {{1, "release"}},
                       .max_age = {},
                       .channels = {{.name = "stable", .thresholds = {}}}}};
  CHECK(WhyImpossible(policy, kNow).empty());
  policy.restrictions.channels[0].thresholds = {{1, "channel"}};
  CHECK(WhyImpossible(policy, kNow) ==
        "1 of channel for channel stable: no key has the role channel");
  policy.restrictions.channels = {{.name = "stable", .thresholds = {}},
                                  {.name = "beta", .thresholds = {}}};
  CHECK_THAT(WhyImpossible(policy, kNow), Catch::Contains("a machine follows one"));
}

}  // namespace ros::trust
