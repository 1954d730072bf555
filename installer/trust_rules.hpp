#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"
#include "keys/trust_store.hpp"
#include "trust/channel_judgement.hpp"
#include "trust/policy.hpp"

namespace ros::installer {

// The rules that an image must meet on this machine, now.
struct TrustRules {
  trust::Policy policy;
  // Of a machine: the text of the policy that the good slot's image has brought; empty where the
  // keys are those that a person named.
  std::string image_policy;
  // For people: "the trust policy of os 2 (slot a), made stricter by /ros/trust.yml".
  std::string source;
  UnixTime now = 0;  // what dates and ages are compared with
  // A channel document that has been judged by these rules, and must have released the image
  // (trusted_channel.hpp). Without one an image is refused where the policy asks for a channel.
  std::optional<trust::ShownChannel> channel = std::nullopt;

  // Of a machine: the good slot, the digest of its image where verified.json has no record of it,
  // and what STATE/trust.yml adds (`policy` has it already).
  SlotId good = SlotId::kA;
  std::string unrecorded;
  trust::Restrictions own;
};

// How the file of a channel's document beside an image is called: NAME and this.
inline constexpr const char* kChannelEnding = ".channel.oci";

// The machine's own file: rules that make its image's policy stricter, never looser.
inline constexpr const char* kOwnRules = "trust.yml";

// Rules of keys that were named on the command line.
TrustRules RulesOfKeys(const keys::TrustStore& keys, UnixTime now);

// The rules of a policy that a person wrote.
TrustRules RulesOfFile(const std::filesystem::path& file, UnixTime now);

// Judges by what the machine knows: the policy of the image in the good slot, as it was verified
// when that slot was written, or, where that image has none, the keys in STATE/keys;
// STATE/trust.yml makes either stricter. A slot that an older `ros` wrote is verified again with
// STATE/keys. Throws kVerification where a policy or STATE/trust.yml cannot be read: neither
// is passed over. Throws kRefused until the first boot of a `--keep-state` installation has taken
// over the state: what is recorded there is the former system's.
TrustRules FindTrustRules(const Machine& machine, const Clock& clock);

// A part of FindTrustRules, for who has the parts already: `good` is the content of the good slot,
// `texts` its files.
TrustRules TrustRulesOf(const std::filesystem::path& state,
                        const SlotContent& good,
                        const std::map<std::string, std::string>& texts,
                        UnixTime now);

// The later of the clock and an image's creation; where nothing synchronises the clock, no earlier
// than any entry of the journal: the clock of a machine without a battery begins in the past, and a
// key's dates must not be met that way. A clock that was ahead for a while has left entries too,
// so they count no longer than until it is synchronised.
UnixTime TrustedNow(const std::filesystem::path& state,
                    const SlotContent& running,
                    const Clock& clock);

// STATE/trust.yml, or any other such file; no rules where there is none. Throws kVerification where
// it cannot be read, is empty (a power cut may have left it so) or is a link to nowhere.
trust::Restrictions ReadOwnRules(const std::filesystem::path& file);

// The rules of an installation in front of a state that is kept: those of the keys, stricter by
// what the machine's own file says of keys, images, epoch and age. Its thresholds are about roles
// that only a policy gives, and a channel it asks for at upgrades; both count again once the
// image's policy is in force.
TrustRules RulesKeeping(TrustRules rules, const trust::Restrictions& own);

// The policy that an image brings. Throws kVerification naming the image where it cannot be read.
trust::Policy ParseImagePolicy(const images::ImageConfig& config);

// "2 of release; keys alice (0123456789abcdef), bob (...)"; why, where the text is no policy.
std::string SummaryOfPolicy(const std::string& policy);

}  // namespace ros::installer
