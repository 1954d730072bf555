#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "keys/digest.hpp"
#include "trust/policy.hpp"

namespace ros::trust {

// One rule of a policy and how an image meets it.
struct RuleResult {
  std::string rule;  // "2 of release"
  bool met = false;
  std::string how;  // "release-2026 (0123456789abcdef); ops-old (89abcdef01234567) is revoked"

  bool operator==(const RuleResult&) const = default;
};

// Why a key's signatures do not count at `now` ("is revoked"); empty when they do.
std::string WhyNotCounted(const Policy& policy, const TrustedKey& key, UnixTime now);

// The rules about who signed: one for each threshold. `signers` are the fingerprints of the keys
// whose signatures over the image verified. A key counts once, and only if it is the policy's, not
// revoked, and within its dates at `now`. Nothing of the image need have been parsed.
std::vector<RuleResult> JudgeSigners(const Policy& policy,
                                     const std::vector<std::string>& signers,
                                     UnixTime now);

// The same for other thresholds than those of images.
std::vector<RuleResult> JudgeSigners(const Policy& policy,
                                     const std::vector<Threshold>& thresholds,
                                     const std::vector<std::string>& signers,
                                     UnixTime now);

// The rule about the image's digest: that it is not revoked. Holds for unsigned images too.
RuleResult JudgeDigest(const Policy& policy, const keys::Digest& digest);

// What an image's config, which is believed by now, says of it.
struct ImageFacts {
  std::uint64_t epoch = 0;
  UnixTime created = 0;
};

// The rules about the image itself: lowest epoch and age, where the policy has them.
std::vector<RuleResult> JudgeImage(const Policy& policy, const ImageFacts& image, UnixTime now);

// Throws kVerification naming the first rule that is not met.
void RequireAll(const std::vector<RuleResult>& rules);

// "met      2 of release: ..." a line; a list of {"rule", "met", "how"}.
std::string DescribeRules(const std::vector<RuleResult>& rules);
Json RulesToJson(const std::vector<RuleResult>& rules);

}  // namespace ros::trust
