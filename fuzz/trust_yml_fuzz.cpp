#include "fuzz/target.hpp"
#include "trust/judgement.hpp"
#include "trust/policy_file.hpp"

namespace ros::fuzz {
namespace {

// Somebody's public key, as a policy has it.
const std::string kKey =
    "    key: |\n"
    "      -----BEGIN PUBLIC KEY-----\n"
    "      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVd6uHZWlHKpFLHTsjLatJwml8DA2\n"
    "      D0XZlt9t1fTgU5xfcQQi8DdG/nliMleHsjIrDglBlhrbN30wAgh++uI60g==\n"
    "      -----END PUBLIC KEY-----\n";

}  // namespace

// A policy comes out of a signed image, a machine's own rules from a file.
void Run(ByteSpan input) {
  const auto text = AsText(input);
  if (trust::Policy policy; Succeeds([&] { policy = trust::ParsePolicy(text, "trust.yml"); })) {
    const auto written = trust::FormatPolicy(policy);
    const auto again = trust::ParsePolicy(written, "again");
    Expect(again.restrictions == policy.restrictions, "the rules are read back the same");
    Expect(trust::FormatPolicy(again) == written, "the same policy is the same text");
    Expect(!policy.restrictions.thresholds.empty(), "a policy asks for a signature");
    for (const auto& rule : trust::JudgeSigners(policy, {}, 0)) {
      Expect(!rule.met, "without a signature no threshold is met");
    }
  }
  const auto own = trust::ParseRestrictions(text, "trust.yml");
  Expect(trust::ParseRestrictions(trust::FormatRestrictions(own), "again") == own,
         "a machine's rules are read back the same");
}

std::vector<Seed> Seeds() {
  return {
      {"small", "keys:\n  - name: a\n" + kKey},
      {"whole",
       "version: 1\nthreshold: [1 of release]\nkeys:\n  - name: a\n    role: release\n"
       "    valid-from: 2026-01-01\n    valid-until: 2027-01-01T12:00:00Z\n" +
           kKey +
           "revoked:\n  keys: [\"0123456789abcdef\"]\n  digests: [sha256:" + std::string(64, '0') +
           "]\nlowest-epoch: 3\nmax-age: 90d\nchannel: {name: stable, threshold: 1 of release}\n"},
      {"own", "threshold: 2 of release\nrevoked: {keys: [\"0123456789abcdef\"]}\n"}};
}

}  // namespace ros::fuzz
