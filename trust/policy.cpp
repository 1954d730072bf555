#include "trust/policy.hpp"

#include <algorithm>
#include <filesystem>

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
  return policy;
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
  for (const auto& rule : JudgeSigners(policy, all, now)) {
    if (!rule.met) {
      return rule.rule + ": " + rule.how;
    }
  }
  return {};
}

}  // namespace ros::trust
