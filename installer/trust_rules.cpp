#include "installer/trust_rules.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/journal.hpp"
#include "installer/verified_slots.hpp"
#include "trust/policy_file.hpp"

namespace ros::installer {
namespace {

std::string Slot(SlotId slot) {
  return "slot " + std::string(Name(slot));
}

trust::Policy ParseKept(const std::string& policy, const std::string& where) {
  try {
    return trust::ParsePolicy(policy, where);
  } catch (const Error& error) {
    throw Error(ErrorKind::kVerification, error.message());
  }
}

// What `ros` verified when it wrote the good slot; a slot that it has no record of is verified by
// the machine's keys. None when neither says anything.
std::optional<VerifiedSlot> VerifiedGood(const std::filesystem::path& state,
                                         const SlotContent& good,
                                         const std::map<std::string, std::string>& texts) {
  const auto slots = ReadVerifiedSlots(state);
  const auto recorded = slots.find(good.slot);
  // Of a folder that cannot be read, what was recorded is all that is known.
  if (recorded != slots.end() && (good.digest.empty() || good.digest == recorded->second.digest)) {
    return recorded->second;
  }
  const auto text = [&](const char* name) {
    const auto found = texts.find(name);
    return found == texts.end() ? std::string() : found->second;
  };
  try {
    return VerifiedSlotOf(images::VerifyKept(text("MANIFEST"),
                                             text("CONFIG"),
                                             text("SIGS"),
                                             memory::Trust(state),
                                             images::SignaturePolicy::kRequired));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

TrustRules RulesOfKeys(const keys::TrustStore& keys, UnixTime now) {
  return {.policy = trust::PolicyOf(keys),
          .origin = TrustRules::Origin::kKeys,
          .source = "any one of the keys named",
          .now = now};
}

TrustRules RulesOfFile(const std::filesystem::path& file, UnixTime now) {
  return {.policy = trust::ParsePolicy(
              ReadFile(file, trust::kMaxPolicySize), file.string(), trust::KeyFiles::kBesidePolicy),
          .origin = TrustRules::Origin::kImage,
          .source = "the trust policy " + file.string(),
          .now = now};
}

TrustRules TrustRulesOf(const std::filesystem::path& state,
                        const SlotContent& good,
                        const std::map<std::string, std::string>& texts,
                        UnixTime now) {
  TrustRules rules{.now = now};
  const auto verified = VerifiedGood(state, good, texts);
  if (verified && !verified->policy.empty()) {
    rules.origin = TrustRules::Origin::kImage;
    rules.source = "the trust policy of " + good.VersionText() + " (" + Slot(good.slot) + ")";
    rules.policy = ParseKept(verified->policy, rules.source);
  } else {
    rules.source = "any one of the keys in " + (state / "keys").string();
    rules.policy = trust::PolicyOf(memory::Trust(state));
  }
  const auto own = state / kOwnRules;
  if (std::filesystem::exists(own)) {
    rules.policy = trust::Tighten(
        std::move(rules.policy),
        trust::ParseRestrictions(ReadFile(own, trust::kMaxPolicySize), own.string()));
    rules.source += ", made stricter by " + own.string();
  }
  return rules;
}

TrustRules FindTrustRules(const Machine& machine, const Clock& clock) {
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
  const auto entries = health::Journal(state, clock).Read();
  return entries.empty() ? now : std::max(now, entries.back().time);
}

trust::Policy ParseImagePolicy(const images::ImageConfig& config) {
  return ParseKept(config.trust, "the trust policy of " + config.name + " " + config.version);
}

}  // namespace ros::installer
