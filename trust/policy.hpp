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

// A channel that must have released an image, and who must have signed the channel's document.
struct ChannelRule {
  std::string name;
  std::vector<Threshold> thresholds;  // none: those of images

  bool operator==(const ChannelRule&) const = default;
};

// What only makes a policy stricter: an image's policy has it, and a machine's own file has nothing
// else.
struct Restrictions {
  std::vector<Threshold> thresholds;          // each must be met
  std::vector<std::string> revoked_keys;      // fingerprints
  std::vector<keys::Digest> revoked_digests;  // of image manifests
  std::uint64_t lowest_epoch = 0;
  std::optional<std::chrono::seconds> max_age;  // since the image was created
  // A file has one at most. Where an image's policy and a machine's own file name two, no image
  // meets both: a machine follows one channel.
  std::vector<ChannelRule> channels;

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

// Who must have signed a document of this channel: as the policy says of it, else as for images.
std::vector<Threshold> ChannelThresholds(const Policy& policy, std::string_view channel);

// "the image's policy asks for channel stable and ..."; empty where a machine could follow what is
// asked for.
std::string WhyNoOneChannel(const Restrictions& restrictions);

std::vector<std::string> FingerprintsOf(const std::vector<keys::PublicKey>& keys);

bool IsRevoked(const Restrictions& restrictions, std::string_view fingerprint);
bool IsRevoked(const Restrictions& restrictions, const keys::Digest& digest);

// Why no image at all could meet the policy at this time ("2 of release: of its 2 keys 1 is
// revoked"), or no document of the channel that it asks for; empty when one could.
std::string WhyImpossible(const Policy& policy, UnixTime now);

// The last second at which an image could meet the policy, by the dates of its keys: until then it
// has to be followed by another one. None where the dates set no end, or no image could at all.
std::optional<UnixTime> EndOf(const Policy& policy);

}  // namespace ros::trust
