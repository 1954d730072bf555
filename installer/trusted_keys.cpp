#include "installer/trusted_keys.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "health/journal.hpp"
#include "installer/verified_slots.hpp"
#include "trust/judgement.hpp"
#include "trust/policy_file.hpp"

namespace ros::installer {
namespace {

constexpr std::size_t kFingerprintLength = 16;

std::string Dates(const trust::TrustedKey& key) {
  std::string text;
  if (key.valid_from) {
    text += " from " + FormatTime(*key.valid_from);
  }
  if (key.valid_until) {
    text += " until " + FormatTime(*key.valid_until);
  }
  return text;
}

// Texts in columns, two spaces apart.
std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += " " + row[i] + std::string(widths[i] - row[i].size() + 1, ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

bool IsFingerprint(const std::string& text) {
  return text.size() == kFingerprintLength && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void Note(const std::filesystem::path& state, const Clock& clock, std::string reason) {
  health::Journal(state, clock)
      .Append({.event = health::JournalEvent::kNote, .reason = std::move(reason)});
}

const trust::TrustedKey* TryFindKey(const TrustRules& rules, const std::string& name) {
  const auto found = std::ranges::find_if(rules.policy.keys, [&](const trust::TrustedKey& key) {
    return key.name == name || key.key.Fingerprint() == name;
  });
  return found == rules.policy.keys.end() ? nullptr : &*found;
}

}  // namespace

std::string DescribeTrust(const TrustRules& rules) {
  const auto& policy = rules.policy;
  std::string text = "rules: " + rules.source + "\n";
  std::vector<std::vector<std::string>> rows = {{"KEY", "ROLE", "TYPE", "FINGERPRINT", "COUNTS"}};
  for (const auto& key : policy.keys) {
    const auto why_not = trust::WhyNotCounted(policy, key, rules.now);
    rows.push_back({key.name,
                    key.role,
                    std::string(keys::Name(key.key.type())),
                    key.key.Fingerprint(),
                    why_not.empty() ? "yes" + Dates(key) : "no, it " + why_not});
  }
  text += policy.keys.empty() ? "  no key is trusted, so no image is taken; see ros keys trust\n"
                              : Table(rows);
  for (const auto& threshold : policy.restrictions.thresholds) {
    text +=
        "an image is signed by " + std::to_string(threshold.count) + " of " + threshold.role + "\n";
  }
  if (policy.restrictions.lowest_epoch > 0) {
    text += "its epoch is " + std::to_string(policy.restrictions.lowest_epoch) + " or later\n";
  }
  if (policy.restrictions.max_age) {
    text += "it is at most " + std::to_string(policy.restrictions.max_age->count() / kSecondsADay) +
            " days old\n";
  }
  for (const auto& channel : policy.restrictions.channels) {
    std::string signers;
    for (const auto& threshold : trust::ChannelThresholds(policy, channel.name)) {
      signers += (signers.empty() ? "" : " and ") + std::to_string(threshold.count) + " of " +
                 threshold.role;
    }
    text += "it is released in channel " + channel.name + ", whose document is signed by " +
            signers + "\n";
  }
  if (const auto end = trust::EndOf(policy)) {
    text += "no image is taken after " + FormatTime(*end) +
            ", when the dates of these keys are over: take one that brings later ones before\n";
  }
  for (const auto& digest : policy.restrictions.revoked_digests) {
    text += "it is not " + digest.ToString() + " (revoked)\n";
  }
  return text;
}

Json TrustToJson(const TrustRules& rules) {
  const auto& policy = rules.policy;
  auto list = Json::MakeArray();
  for (const auto& key : policy.keys) {
    const auto why_not = trust::WhyNotCounted(policy, key, rules.now);
    auto json = Json::MakeObject()
                    .Set("name", key.name)
                    .Set("role", key.role)
                    .Set("type", keys::Name(key.key.type()))
                    .Set("fingerprint", key.key.Fingerprint())
                    .Set("counts", why_not.empty());
    if (!why_not.empty()) {
      json.Set("why_not", why_not);
    }
    if (key.valid_from) {
      json.Set("valid_from", FormatTime(*key.valid_from));
    }
    if (key.valid_until) {
      json.Set("valid_until", FormatTime(*key.valid_until));
    }
    list.Append(json);
  }
  auto thresholds = Json::MakeArray();
  for (const auto& threshold : policy.restrictions.thresholds) {
    thresholds.Append(Json::MakeObject()
                          .Set("count", std::uint64_t{threshold.count})
                          .Set("role", threshold.role));
  }
  auto digests = Json::MakeArray();
  for (const auto& digest : policy.restrictions.revoked_digests) {
    digests.Append(digest.ToString());
  }
  auto json = Json::MakeObject()
                  .Set("source", rules.source)
                  .Set("from_image", !rules.image_policy.empty())
                  .Set("keys", std::move(list))
                  .Set("thresholds", std::move(thresholds))
                  .Set("lowest_epoch", policy.restrictions.lowest_epoch)
                  .Set("revoked_digests", std::move(digests));
  if (!policy.restrictions.channels.empty()) {
    json.Set("channel", policy.restrictions.channels.front().name);
  }
  if (const auto end = trust::EndOf(policy)) {
    json.Set("takes_images_until", FormatTime(*end));
  }
  if (policy.restrictions.max_age) {
    json.Set("max_age_days", policy.restrictions.max_age->count() / kSecondsADay);
  }
  return json;
}

TrustKeyPlan PlanTrustKey(const std::filesystem::path& state,
                          const TrustRules& rules,
                          const keys::PublicKey& key) {
  if (!rules.image_policy.empty()) {
    throw Error(ErrorKind::kRefused,
                "the keys of this machine are those of " + rules.source +
                    "; a machine's own word makes that stricter and never looser: the next image "
                    "brings new keys, signed by those that count now");
  }
  TrustKeyPlan plan{.text = key.ToPem(),
                    .fingerprint = key.Fingerprint(),
                    .good = rules.good,
                    .unrecorded = rules.unrecorded};
  plan.file = state / "keys" / (plan.fingerprint + ".pub");
  plan.already_there = TryFindKey(rules, plan.fingerprint) != nullptr;
  return plan;
}

void ApplyTrustKey(const TrustKeyPlan& plan,
                   const std::filesystem::path& state,
                   const Clock& clock) {
  if (plan.already_there) {
    return;
  }
  std::filesystem::create_directories(plan.file.parent_path());
  WriteFileAtomically(plan.file, AsBytes(plan.text));
  if (!plan.unrecorded.empty()) {
    // A person has said whom to trust: a policy that the image may bring is not what counts here.
    RememberVerifiedSlot(state, plan.good, {.digest = plan.unrecorded, .policy = {}});
  }
  Note(state, clock, "the key " + plan.fingerprint + " is trusted (ros keys trust)");
}

RevokePlan PlanRevoke(const TrustRules& rules, const std::string& name) {
  RevokePlan plan{.restrictions = rules.own};
  trust::Restrictions more;
  if (name.starts_with("sha256:")) {
    const auto digest = keys::Digest::Parse(name);
    plan.what = "image " + name;
    plan.already_there = trust::IsRevoked(rules.own, digest);
    more.revoked_digests = {digest};
  } else {
    const auto* key = TryFindKey(rules, name);
    // A key that is not trusted here may come with a later image.
    const auto fingerprint =
        key == nullptr && IsFingerprint(name) ? name : FindKey(rules, name).key.Fingerprint();
    plan.what = "key " + (key == nullptr ? name : key->name + " (" + fingerprint + ")");
    plan.already_there = trust::IsRevoked(rules.own, fingerprint);
    more.revoked_keys = {fingerprint};
  }
  trust::Policy own{.keys = {}, .restrictions = std::move(plan.restrictions)};
  plan.restrictions = trust::Tighten(std::move(own), more).restrictions;
  plan.strands = trust::WhyImpossible(trust::Tighten(rules.policy, more), rules.now);
  return plan;
}

void ApplyRevoke(const RevokePlan& plan, const std::filesystem::path& state, const Clock& clock) {
  if (plan.already_there) {
    return;
  }
  const auto text = trust::FormatRestrictions(plan.restrictions);
  // One that is too long to be read would be the end of all upgrades.
  static_cast<void>(trust::ParseRestrictions(text, (state / kOwnRules).string()));
  WriteFileAtomically(state / kOwnRules, AsBytes(text));
  Note(state, clock, plan.what + " is revoked (ros keys revoke)");
}

const trust::TrustedKey& FindKey(const TrustRules& rules, const std::string& name) {
  if (const auto* key = TryFindKey(rules, name)) {
    return *key;
  }
  std::string known;
  for (const auto& key : rules.policy.keys) {
    known += (known.empty() ? "" : ", ") + key.name;
  }
  throw Error(ErrorKind::kUsage,
              "no key is called " + name + "; there is: " + (known.empty() ? "none" : known));
}

}  // namespace ros::installer
