#include "installer/trust_rules.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/slot.hpp"
#include "health/journal.hpp"
#include "health/kept_note.hpp"
#include "installer/verified_slots.hpp"
#include "trust/policy_file.hpp"

namespace ros::installer {
namespace {

trust::Policy ParseKept(const std::string& policy, const std::string& where) {
  try {
    return trust::ParsePolicy(policy, where);
  } catch (const Error& error) {
    throw Error(ErrorKind::kVerification, error.message());
  }
}

std::string TextOf(const std::map<std::string, std::string>& texts, const char* name) {
  const auto found = texts.find(name);
  return found == texts.end() ? std::string() : found->second;
}

// What the machine's keys say of a slot that there is no record of; none where they do not know it.
std::optional<VerifiedSlot> VerifyByKeys(const std::map<std::string, std::string>& texts,
                                         const keys::TrustStore& keys) {
  try {
    return VerifiedSlotOf(images::VerifyKept(TextOf(texts, "MANIFEST"),
                                             TextOf(texts, "CONFIG"),
                                             TextOf(texts, "SIGS"),
                                             keys,
                                             images::SignaturePolicy::kRequired));
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The good slot's policy; empty for none. A policy that was recorded is in force whatever the
// slot's folder says by now: what damages a file on the boot partition must not bring back older
// keys.
std::string PolicyOfGood(const std::optional<VerifiedSlot>& recorded,
                         const SlotContent& good,
                         const std::map<std::string, std::string>& texts,
                         const std::filesystem::path& state) {
  const bool is_recorded = recorded && (good.digest.empty() || recorded->digest == good.digest);
  if (recorded && (is_recorded || !recorded->policy.empty())) {
    return recorded->policy;
  }
  const auto keys = memory::Trust(state);
  if (const auto verified = VerifyByKeys(texts, keys)) {
    return verified->policy;
  }
  // Without any key nobody is trusted, and `ros keys trust` begins anew.
  if (!recorded && !keys.empty() && good.config && !good.config->trust.empty()) {
    throw Error(
        ErrorKind::kVerification,
        good.VersionText() + " in " + SlotText(good.slot) +
            " brings a trust policy, and neither is it recorded in verified.json nor is it "
            "signed by this machine's keys, so no image can be judged: install this machine "
            "anew with --keep-state");
  }
  return {};
}

void RefuseWhileTakingOver(const Machine& machine) {
  const auto& kept = machine.running.value().kept;
  if (kept.empty()) {
    return;
  }
  const auto note = health::ReadKeptNote(machine.state, kept);
  if (!note || note->stage != health::KeptNote::Stage::kComplete) {
    throw Error(ErrorKind::kRefused,
                "this installation has not taken over the state that it keeps yet, so which keys "
                "count is not known; wait for the health gate (ros health status)");
  }
}

}  // namespace

trust::Restrictions ReadOwnRules(const std::filesystem::path& file) {
  if (std::filesystem::symlink_status(file).type() == std::filesystem::file_type::not_found) {
    return {};
  }
  try {
    return trust::ParseRestrictions(ReadFile(file, trust::kMaxPolicySize), file.string());
  } catch (const Error& error) {
    throw Error(ErrorKind::kVerification, error.message());
  }
}

TrustRules RulesOfKeys(const keys::TrustStore& keys, UnixTime now) {
  return {.policy = trust::PolicyOf(keys), .source = "any one of the keys named", .now = now};
}

TrustRules RulesOfFile(const std::filesystem::path& file, UnixTime now) {
  return {.policy = trust::ParsePolicy(
              ReadFile(file, trust::kMaxPolicySize), file.string(), trust::KeyFiles::kBesidePolicy),
          .source = "the trust policy " + file.string(),
          .now = now};
}

TrustRules TrustRulesOf(const std::filesystem::path& state,
                        const SlotContent& good,
                        const std::map<std::string, std::string>& texts,
                        UnixTime now) {
  const auto slots = ReadVerifiedSlots(state);
  const auto found = slots.find(good.slot);
  const auto recorded = found == slots.end() ? std::nullopt : std::optional(found->second);
  TrustRules rules{.now = now,
                   .good = good.slot,
                   .unrecorded = recorded ? std::string() : good.digest,
                   .own = ReadOwnRules(state / kOwnRules)};
  rules.image_policy = PolicyOfGood(recorded, good, texts, state);
  if (!rules.image_policy.empty()) {
    rules.source = "the trust policy of " + good.VersionText() + " (" + SlotText(good.slot) + ")";
    rules.policy = ParseKept(rules.image_policy, rules.source);
  } else {
    rules.source = "any one of the keys in " + (state / "keys").string();
    rules.policy = trust::PolicyOf(memory::Trust(state));
  }
  if (rules.own != trust::Restrictions{}) {
    rules.policy = trust::Tighten(std::move(rules.policy), rules.own);
    rules.source += ", made stricter by " + (state / kOwnRules).string();
  }
  return rules;
}

TrustRules RulesKeeping(TrustRules rules, const trust::Restrictions& own) {
  auto stricter = own;
  stricter.thresholds.clear();
  stricter.channels.clear();
  rules.policy = trust::Tighten(std::move(rules.policy), stricter);
  rules.own = own;
  return rules;
}

TrustRules FindTrustRules(const Machine& machine, const Clock& clock) {
  RefuseWhileTakingOver(machine);
  const auto boot = OpenBootVolume(machine, DeviceAccess::kRead);
  const auto running = machine.running.value().slot;
  const auto good = ReadSlotContent(boot, OpenBootState(boot)->Load().StateOr(running).good);
  std::map<std::string, std::string> texts;
  if (good.complete) {
    try {
      texts = ReadSlotTexts(boot, good.slot);
    } catch (const Error&) {
      // Then the record alone tells.
    }
  }
  const auto now = TrustedNow(machine.state, ReadSlotContent(boot, running), clock);
  return TrustRulesOf(machine.state, good, texts, now);
}

UnixTime TrustedNow(const std::filesystem::path& state,
                    const SlotContent& running,
                    const Clock& clock) {
  auto now = clock.Now();
  if (running.config) {
    now = std::max(now, running.config->created);
  }
  if (clock.IsSynchronized()) {
    return now;
  }
  // Not the last entry alone: this boot has made some, by the same clock.
  for (const auto& entry : health::Journal(state, clock).Read()) {
    now = std::max(now, entry.time);
  }
  return now;
}

trust::Policy ParseImagePolicy(const images::ImageConfig& config) {
  return ParseKept(config.trust, "the trust policy of " + config.name + " " + config.version);
}

std::string SummaryOfPolicy(const std::string& policy) {
  const auto join = [](std::string& text, const std::string& word) {
    text += (text.empty() ? "" : ", ") + word;
  };
  try {
    const auto parsed = trust::ParsePolicy(policy, "the policy");
    std::string thresholds;
    for (const auto& threshold : parsed.restrictions.thresholds) {
      join(thresholds, std::to_string(threshold.count) + " of " + threshold.role);
    }
    std::string keys;
    for (const auto& key : parsed.keys) {
      join(keys, key.name + " (" + key.key.Fingerprint() + ")");
    }
    std::string channels;
    for (const auto& channel : parsed.restrictions.channels) {
      channels += "; channel " + channel.name;
    }
    const auto end = trust::EndOf(parsed);
    return thresholds + "; keys " + keys + channels +
           (end ? "; takes no image after " + FormatTime(*end) : "");
  } catch (const Error& error) {
    return error.message();
  }
}

}  // namespace ros::installer
