#include "installer/initrd_keys.hpp"

#include <algorithm>

#include "base/word_list.hpp"

namespace ros::installer {

keys::TrustStore InitrdKeys(const trust::Policy& policy,
                            const std::vector<std::filesystem::path>& signers) {
  keys::TrustStore keys;
  const auto& thresholds = policy.restrictions.thresholds;
  for (const auto& key : policy.keys) {
    const bool signs_images =
        std::ranges::find(thresholds, key.role, &trust::Threshold::role) != thresholds.end();
    if (signs_images && !trust::IsRevoked(policy.restrictions, key.key.Fingerprint())) {
      keys.Add(key.key);
    }
  }
  const auto more = keys::TrustStore::FromFiles(signers);
  for (const auto& key : more.keys()) {
    keys.Add(key);
  }
  return keys;
}

std::optional<trust::RuleResult> JudgeBoot(const images::ImageConfig& config,
                                           const std::vector<std::string>& signers) {
  const auto& keys = config.initrd_keys;
  if (keys.empty()) {
    return std::nullopt;
  }
  trust::RuleResult result{.rule = "signed by a key in its initrd"};
  const auto by = std::ranges::find_if(signers, [&](const std::string& signer) {
    return std::ranges::find(keys, signer) != keys.end();
  });
  result.met = by != signers.end();
  result.how = result.met
                   ? *by
                   : "its initrd takes signatures of " + Join(keys) + ", and what counts here is " +
                         (signers.empty() ? "none" : "of " + Join(signers)) +
                         ", so it would not start; build it with --signer KEY.pub for a key that "
                         "machines trust by now, or sign it by one of its initrd's that they "
                         "trust too";
  return result;
}

}  // namespace ros::installer
