#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "installer/trust_rules.hpp"
#include "keys/public_key.hpp"
#include "trust/policy.hpp"

namespace ros::installer {

// `ros keys list`: the keys and rules that are in force.
std::string DescribeTrust(const TrustRules& rules);
Json TrustToJson(const TrustRules& rules);

// What `ros keys trust` does: one file in STATE/keys.
struct TrustKeyPlan {
  std::filesystem::path file;
  std::string text;  // PEM
  std::string fingerprint;
  bool already_there = false;
  SlotId good = SlotId::kA;
  std::string unrecorded;  // the good slot's digest, when verified.json is to get a record of it
};

// Throws kRefused where the keys are those of an image's policy: a new image brings new keys, and a
// machine's own word makes nothing looser.
TrustKeyPlan PlanTrustKey(const std::filesystem::path& state,
                          const TrustRules& rules,
                          const keys::PublicKey& key);
void ApplyTrustKey(const TrustKeyPlan& plan,
                   const std::filesystem::path& state,
                   const Clock& clock);

// What `ros keys revoke` does: STATE/trust.yml is written anew with one line more.
struct RevokePlan {
  std::string what;                  // for people: "key ops (0123456789abcdef)"
  trust::Restrictions restrictions;  // of STATE/trust.yml afterwards
  bool already_there = false;
  std::string strands;  // no image could meet the rules any more: why; empty when one could
};

// `name` is a key's name or fingerprint, or an image's digest ("sha256:..."). Throws kUsage for
// anything else.
RevokePlan PlanRevoke(const TrustRules& rules, const std::string& name);
void ApplyRevoke(const RevokePlan& plan, const std::filesystem::path& state, const Clock& clock);

// The key of the rules that is called so, or has this fingerprint. Throws kUsage naming those that
// there are.
const trust::TrustedKey& FindKey(const TrustRules& rules, const std::string& name);

}  // namespace ros::installer
