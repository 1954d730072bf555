#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "keys/digest.hpp"
#include "keys/public_key.hpp"
#include "keys/trust_store.hpp"

namespace ros::trust {

// The role of a key that is given none.
inline constexpr std::string_view kDefaultRole = "release";

// A key whose signatures count, within its dates.
struct TrustedKey {
  std::string name;
  std::string role{kDefaultRole};
  keys::PublicKey key;
  std::optional<UnixTime> valid_from;   // the first second
  std::optional<UnixTime> valid_until;  // the last second
};

// So many different keys of a role must have signed.
struct Threshold {
  std::uint32_t count = 1;
  std::string role{kDefaultRole};

  bool operator==(const Threshold&) const = default;
};

// What only makes a policy stricter: an image's policy has it, and a machine's own file has nothing
// else.
struct Restrictions {
  std::vector<Threshold> thresholds;          // each must be met
  std::vector<std::string> revoked_keys;      // fingerprints
  std::vector<keys::Digest> revoked_digests;  // of image manifests
  std::uint64_t lowest_epoch = 0;
  std::optional<std::chrono::seconds> max_age;  // since the image was created

  bool operator==(const Restrictions&) const = default;
};

// Whose images are taken, and which of them.
struct Policy {
  std::vector<TrustedKey> keys;
  Restrictions restrictions;
};

// The policy that a set of keys is when nothing else is said: one signature by any of them. Each is
// called by the last part of its name, which is its file's.
Policy PolicyOf(const keys::TrustStore& keys);

// All keys of a policy, revoked and expired ones too, called by their names.
keys::TrustStore KeysOf(const Policy& policy);

// `policy`, and what `more` demands too. Nothing that was refused before is taken afterwards.
Policy Tighten(Policy policy, const Restrictions& more);

bool IsRevoked(const Restrictions& restrictions, std::string_view fingerprint);
bool IsRevoked(const Restrictions& restrictions, const keys::Digest& digest);

// Why no image at all could meet the policy at this time ("2 of release: of its 2 keys 1 is
// revoked"); empty when one could.
std::string WhyImpossible(const Policy& policy, UnixTime now);

}  // namespace ros::trust
