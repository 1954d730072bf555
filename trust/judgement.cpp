#include "trust/judgement.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace ros::trust {
namespace {

std::string Called(const TrustedKey& key) {
  return key.name + " (" + key.key.Fingerprint() + ")";
}

void AddWords(std::string& text, const std::string& words, std::string_view between = "; ") {
  text += (text.empty() ? "" : std::string(between)) + words;
}

// The keys of a threshold's role, by what their signatures came to.
struct Count {
  std::uint32_t number = 0;
  std::string counted;
  std::string passed_over;
  std::string others;  // which have not signed
};

Count CountSigners(const Policy& policy,
                   const Threshold& threshold,
                   const std::vector<std::string>& signers,
                   UnixTime now) {
  Count count;
  for (const auto& key : policy.keys) {
    if (key.role != threshold.role) {
      continue;
    }
    const auto why_not = WhyNotCounted(policy, key, now);
    const auto called = Called(key) + (why_not.empty() ? "" : " " + why_not);
    if (std::ranges::find(signers, key.key.Fingerprint()) == signers.end()) {
      AddWords(count.others, called, ", ");
    } else if (why_not.empty()) {
      ++count.number;
      AddWords(count.counted, called, ", ");
    } else {
      AddWords(count.passed_over, called);
    }
  }
  return count;
}

RuleResult JudgeThreshold(const Policy& policy,
                          const Threshold& threshold,
                          const std::vector<std::string>& signers,
                          UnixTime now) {
  const auto count = CountSigners(policy, threshold, signers, now);
  RuleResult result{.rule = std::to_string(threshold.count) + " of " + threshold.role,
                    .met = count.number >= threshold.count};
  if (count.counted.empty() && count.passed_over.empty() && count.others.empty()) {
    result.how = "no key has the role " + threshold.role;
    return result;
  }
  result.how = count.counted.empty() ? "signed by none" : "signed by " + count.counted;
  if (!count.passed_over.empty()) {
    AddWords(result.how, count.passed_over);
  }
  if (!result.met && !count.others.empty()) {
    AddWords(result.how, "no signature by " + count.others);
  }
  return result;
}

}  // namespace

std::string WhyNotCounted(const Policy& policy, const TrustedKey& key, UnixTime now) {
  if (IsRevoked(policy.restrictions, key.key.Fingerprint())) {
    return "is revoked";
  }
  if (key.valid_from && now < *key.valid_from) {
    return "is not valid before " + FormatTime(*key.valid_from);
  }
  if (key.valid_until && now > *key.valid_until) {
    return "was valid until " + FormatTime(*key.valid_until);
  }
  return {};
}

std::vector<RuleResult> JudgeSigners(const Policy& policy,
                                     const std::vector<std::string>& signers,
                                     UnixTime now) {
  return JudgeSigners(policy, policy.restrictions.thresholds, signers, now);
}

std::vector<RuleResult> JudgeSigners(const Policy& policy,
                                     const std::vector<Threshold>& thresholds,
                                     const std::vector<std::string>& signers,
                                     UnixTime now) {
  std::vector<RuleResult> rules;
  rules.reserve(thresholds.size());
  for (const auto& threshold : thresholds) {
    rules.push_back(JudgeThreshold(policy, threshold, signers, now));
  }
  return rules;
}

RuleResult JudgeDigest(const Policy& policy, const keys::Digest& digest) {
  const bool revoked = IsRevoked(policy.restrictions, digest);
  return {.rule = "not revoked",
          .met = !revoked,
          .how = digest.ToString() + (revoked ? " is revoked" : "")};
}

std::vector<RuleResult> JudgeImage(const Policy& policy, const ImageFacts& image, UnixTime now) {
  std::vector<RuleResult> rules;
  const auto& demands = policy.restrictions;
  if (demands.lowest_epoch > 0) {
    rules.push_back({.rule = "epoch " + std::to_string(demands.lowest_epoch) + " or later",
                     .met = image.epoch >= demands.lowest_epoch,
                     .how = "epoch " + std::to_string(image.epoch)});
  }
  if (demands.max_age) {
    const auto days = [](std::int64_t seconds) {
      return std::to_string(seconds / kSecondsADay) + " days";
    };
    const auto age = std::max<std::int64_t>(now - image.created, 0);
    rules.push_back({.rule = "at most " + days(demands.max_age->count()) + " old",
                     .met = age <= demands.max_age->count(),
                     .how = "created " + FormatTime(image.created) + ", " + days(age) + " ago"});
  }
  return rules;
}

void RequireAll(const std::vector<RuleResult>& rules) {
  for (const auto& rule : rules) {
    if (!rule.met) {
      throw Error(ErrorKind::kVerification,
                  "the trust policy asks for \"" + rule.rule + "\": " + rule.how);
    }
  }
}

std::string DescribeRules(const std::vector<RuleResult>& rules) {
  std::string text;
  for (const auto& rule : rules) {
    text += (rule.met ? "  met      " : "  NOT MET  ") + rule.rule + ": " + rule.how + "\n";
  }
  return text;
}

Json RulesToJson(const std::vector<RuleResult>& rules) {
  auto list = Json::MakeArray();
  for (const auto& rule : rules) {
    list.Append(
        Json::MakeObject().Set("rule", rule.rule).Set("met", rule.met).Set("how", rule.how));
  }
  return list;
}

}  // namespace ros::trust
