#include "trust/policy.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "trust/judgement.hpp"

namespace ros::trust {
namespace {

template <typename Item>
void AddMissing(std::vector<Item>& items, const std::vector<Item>& more) {
  for (const auto& item : more) {
    if (std::ranges::find(items, item) == items.end()) {
      items.push_back(item);
    }
  }
}

// What is asked of a channel, by either.
void AddChannel(Restrictions& own, const ChannelRule& more) {
  const auto same = std::ranges::find(own.channels, more.name, &ChannelRule::name);
  if (same == own.channels.end()) {
    own.channels.push_back(more);
    return;
  }
  if (same->thresholds.empty() && !more.thresholds.empty()) {
    // Those of images are asked for without being written down, and stay.
    same->thresholds = own.thresholds;
  }
  AddMissing(same->thresholds, more.thresholds);
}

}  // namespace

Policy PolicyOf(const keys::TrustStore& keys) {
  Policy policy;
  for (const auto& key : keys.keys()) {
    policy.keys.push_back({.name = std::filesystem::path(key.name()).filename(),
                           .key = key,
                           .valid_from = std::nullopt,
                           .valid_until = std::nullopt});
  }
  policy.restrictions.thresholds = {Threshold{}};
  return policy;
}

keys::TrustStore KeysOf(const Policy& policy) {
  keys::TrustStore store;
  for (const auto& key : policy.keys) {
    store.Add(key.key);
  }
  return store;
}

Policy Tighten(Policy policy, const Restrictions& more) {
  auto& own = policy.restrictions;
  AddMissing(own.thresholds, more.thresholds);
  AddMissing(own.revoked_keys, more.revoked_keys);
  AddMissing(own.revoked_digests, more.revoked_digests);
  own.lowest_epoch = std::max(own.lowest_epoch, more.lowest_epoch);
  if (more.max_age) {
    own.max_age = own.max_age ? std::min(*own.max_age, *more.max_age) : *more.max_age;
  }
  for (const auto& channel : more.channels) {
    AddChannel(own, channel);
  }
  return policy;
}

std::vector<Threshold> ChannelThresholds(const Policy& policy, std::string_view channel) {
  const auto& rules = policy.restrictions;
  const auto rule = std::ranges::find(rules.channels, channel, &ChannelRule::name);
  return rule == rules.channels.end() || rule->thresholds.empty() ? rules.thresholds
                                                                  : rule->thresholds;
}

std::string WhyNoOneChannel(const Restrictions& restrictions) {
  if (restrictions.channels.size() < 2) {
    return {};
  }
  std::string names;
  for (const auto& rule : restrictions.channels) {
    names += (names.empty() ? "" : " and ") + rule.name;
  }
  return "channels " + names + " are asked for, and a machine follows one";
}

std::vector<std::string> FingerprintsOf(const std::vector<keys::PublicKey>& keys) {
  std::vector<std::string> fingerprints;
  fingerprints.reserve(keys.size());
  for (const auto& key : keys) {
    fingerprints.push_back(key.Fingerprint());
  }
  return fingerprints;
}

bool IsRevoked(const Restrictions& restrictions, std::string_view fingerprint) {
  return std::ranges::find(restrictions.revoked_keys, fingerprint) !=
         restrictions.revoked_keys.end();
}

bool IsRevoked(const Restrictions& restrictions, const keys::Digest& digest) {
  return std::ranges::find(restrictions.revoked_digests, digest) !=
         restrictions.revoked_digests.end();
}

std::string WhyImpossible(const Policy& policy, UnixTime now) {
  // An image that every key has signed meets each threshold that can be met.
  std::vector<std::string> all;
  for (const auto& key : policy.keys) {
    all.push_back(key.key.Fingerprint());
  }
  auto rules = JudgeSigners(policy, all, now);
  for (const auto& channel : policy.restrictions.channels) {
    for (auto& rule : JudgeSigners(policy, ChannelThresholds(policy, channel.name), all, now)) {
      rule.rule += " for channel " + channel.name;
      rules.push_back(std::move(rule));
    }
  }
  for (const auto& rule : rules) {
    if (!rule.met) {
      return rule.rule + ": " + rule.how;
    }
  }
  return WhyNoOneChannel(policy.restrictions);
}

std::optional<UnixTime> EndOf(const Policy& policy) {
  std::vector<UnixTime> dates;
  UnixTime after_all = 0;
  for (const auto& key : policy.keys) {
    if (key.valid_until) {
      dates.push_back(*key.valid_until);
    }
    after_all = std::max({after_all, key.valid_from.value_or(0), key.valid_until.value_or(0) + 1});
  }
  if (WhyImpossible(policy, after_all).empty()) {
    return std::nullopt;
  }
  std::ranges::sort(dates, std::greater<>());
  const auto last = std::ranges::find_if(
      dates, [&](UnixTime date) { return WhyImpossible(policy, date).empty(); });
  return last == dates.end() ? std::nullopt : std::optional(*last);
}

}  // namespace ros::trust
