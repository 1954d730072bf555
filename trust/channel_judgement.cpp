#include "trust/channel_judgement.hpp"

#include "base/shown_text.hpp"

namespace ros::trust {
namespace {

RuleResult JudgeName(const Restrictions& restrictions, const Channel& channel) {
  const auto& wanted = restrictions.channels.front().name;
  RuleResult result{.rule = "channel " + wanted,
                    .met = channel.name == wanted,
                    .how = "the document is of channel " + channel.name};
  if (const auto why_not = WhyNoOneChannel(restrictions); !why_not.empty()) {
    result.met = false;
    result.how = why_not;
  }
  return result;
}

RuleResult JudgeExpiry(const Channel& channel, UnixTime now) {
  const bool met = now <= channel.not_after;
  return {.rule = "a channel document that has not expired",
          .met = met,
          .how = (met ? "counts until " : "it expired on ") + FormatTime(channel.not_after) +
                 (met ? "" : ", and it is " + FormatTime(now) + " now; get the newest one")};
}

RuleResult JudgeSerial(const ShownChannel& shown, const std::optional<AcceptedChannel>& accepted) {
  const auto serial = "serial " + std::to_string(shown.channel.serial);
  RuleResult result{.rule = "a channel that does not go backwards", .met = true, .how = serial};
  if (!accepted) {
    result.how += ", the first that is seen of channel " + shown.channel.name;
  } else if (shown.channel.serial < accepted->serial) {
    result.met = false;
    result.how += ", and serial " + std::to_string(accepted->serial) +
                  " has been accepted already; get the newest one";
  } else if (shown.channel.serial == accepted->serial && shown.digest != accepted->digest) {
    result.met = false;
    result.how += " has been accepted already with another content (" +
                  accepted->digest.ToString() +
                  "): two documents have the same serial, ask who "
                  "publishes the channel";
  }
  return result;
}

}  // namespace

std::vector<RuleResult> JudgeFreshness(const Restrictions& restrictions,
                                       const ShownChannel& shown,
                                       const std::optional<AcceptedChannel>& accepted,
                                       UnixTime now) {
  std::vector<RuleResult> rules;
  if (!restrictions.channels.empty()) {
    rules.push_back(JudgeName(restrictions, shown.channel));
  }
  rules.push_back(JudgeExpiry(shown.channel, now));
  rules.push_back(JudgeSerial(shown, accepted));
  return rules;
}

RuleResult JudgeHalt(const Channel& channel) {
  return {.rule = "a channel that is not halted",
          .met = !channel.halted,
          .how = channel.halted ? "who publishes it has halted all upgrades" : "it is not"};
}

std::vector<RuleResult> JudgeChannel(const Restrictions& restrictions,
                                     const ShownChannel& shown,
                                     const std::optional<AcceptedChannel>& accepted,
                                     UnixTime now) {
  auto rules = JudgeFreshness(restrictions, shown, accepted, now);
  rules.push_back(JudgeHalt(shown.channel));
  return rules;
}

std::vector<RuleResult> JudgeRelease(const Channel& channel,
                                     const keys::Digest& image,
                                     std::string_view version) {
  const auto called =
      "channel " + channel.name + " (serial " + std::to_string(channel.serial) + ")";
  const auto* release = FindRelease(channel, image);
  RuleResult released{.rule = "released in channel " + channel.name, .met = false};
  if (release == nullptr) {
    released.how = image.ToString() + " is not in " + called;
    return {released};
  }
  released.met = release->version == version;
  released.how = called + " has it as version " + release->version;
  if (!released.met) {
    released.how += ", and the image says that it is " + ShowText(version);
  }
  const bool withdrawn = release->share == 0;
  return {released,
          {.rule = "not withdrawn",
           .met = !withdrawn,
           .how = withdrawn ? "the channel has withdrawn version " + release->version
                            : "for " + std::to_string(release->share) + " % of the machines"}};
}

}  // namespace ros::trust
