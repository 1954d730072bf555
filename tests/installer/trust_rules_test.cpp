// Which rules are in force on a machine, told as what befalls its keys.
#include "installer/trust_rules.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/journal.hpp"
#include "installer/trusted_keys.hpp"
#include "installer/verified_slots.hpp"
#include "keys/key_pair.hpp"
#include "tests/images/support/fake_image.hpp"
#include "trust/policy_file.hpp"

namespace ros::installer {
namespace {

namespace fakes = images::fakes;

constexpr UnixTime kNow = 1'800'000'000;

class FixedClock final : public Clock {
 public:
  explicit FixedClock(UnixTime now, bool is_synchronized = false)
      : now_(now), is_synchronized_(is_synchronized) {}

  [[nodiscard]] UnixTime Now() const override { return now_; }

  [[nodiscard]] bool IsSynchronized() const override { return is_synchronized_; }

  [[nodiscard]] std::chrono::milliseconds SinceBoot() const override { return {}; }

 private:
  UnixTime now_;
  bool is_synchronized_;
};

struct NamedKey {
  keys::PrivateKey key = keys::PrivateKey::Generate(keys::KeyType::kEd25519);
  std::string name;

  [[nodiscard]] keys::PublicKey Public() const {
    return keys::PublicKey::FromPem(key.Public().ToPem(), name);
  }
};

std::string PolicyText(const std::vector<NamedKey>& keys, std::uint32_t count = 1) {
  trust::Policy policy;
  for (const auto& key : keys) {
    policy.keys.push_back({.name = key.name,
                           .key = key.Public(),
                           .valid_from = std::nullopt,
                           .valid_until = std::nullopt});
  }
  policy.restrictions.thresholds = {{count, "release"}};
  return trust::FormatPolicy(policy);
}

// A machine's state directory, and what is in its good slot.
struct Memory {
  NamedKey a{.name = "a.pub"};
  NamedKey b{.name = "b.pub"};
  TempDirectory state;
  SlotContent good{.slot = SlotId::kA, .complete = true, .digest = "sha256:one"};
  std::map<std::string, std::string> texts;

  Memory() { WriteKey(a); }

  void WriteKey(const NamedKey& key) {
    std::filesystem::create_directories(state.path() / "keys");
    WriteFileAtomically(state.path() / "keys" / key.name, AsBytes(key.key.Public().ToPem()));
  }

  void WriteOwn(const std::string& text) {
    WriteFileAtomically(state.path() / kOwnRules, AsBytes(text));
  }

  [[nodiscard]] TrustRules Rules() const { return TrustRulesOf(state.path(), good, texts, kNow); }

  [[nodiscard]] std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& key : Rules().policy.keys) {
      names.push_back(key.name);
    }
    return names;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("TrustRulesOf: an image without a policy leaves it to the machine's keys",
          "[installer]") {
  Memory memory;
  RememberVerifiedSlot(memory.state.path(), SlotId::kA, {.digest = "sha256:one"});
  CHECK(memory.Names() == Names{"a.pub"});
  CHECK(memory.Rules().image_policy.empty());
}

TEST_CASE("TrustRulesOf: the policy is that of the good slot's image", "[installer]") {
  Memory memory;
  RememberVerifiedSlot(memory.state.path(), SlotId::kA, {"sha256:one", PolicyText({memory.a})});
  RememberVerifiedSlot(memory.state.path(), SlotId::kB, {"sha256:two", PolicyText({memory.b})});
  CHECK(memory.Names() == Names{"a.pub"});
  memory.good = {.slot = SlotId::kB, .complete = true, .digest = "sha256:two"};
  // Key a, which the machine was installed with, counts no more.
  CHECK(memory.Names() == Names{"b.pub"});
  CHECK(memory.Rules().image_policy == PolicyText({memory.b}));
}

TEST_CASE("TrustRulesOf: a slot whose folder cannot be read keeps the policy that it had",
          "[installer]") {
  Memory memory;
  RememberVerifiedSlot(memory.state.path(), SlotId::kA, {"sha256:one", PolicyText({memory.b})});
  memory.good = {.slot = SlotId::kA, .complete = true, .problem = "damaged"};
  CHECK(memory.Names() == Names{"b.pub"});
}

TEST_CASE("TrustRulesOf: a file on the boot partition that was changed brings back no key",
          "[installer]") {
  Memory memory;
  RememberVerifiedSlot(memory.state.path(), SlotId::kA, {"sha256:one", PolicyText({memory.b})});
  memory.good.digest = "sha256:another";
  CHECK(memory.Names() == Names{"b.pub"});
}

TEST_CASE("TrustRulesOf: after --forget-trust nobody is trusted until a key is named",
          "[installer]") {
  Memory memory;
  std::filesystem::remove_all(memory.state.path() / "keys");
  memory.good.config = images::ImageConfig{.trust = PolicyText({memory.b})};
  CHECK(memory.Names().empty());
  const FixedClock clock(kNow);
  ApplyTrustKey(PlanTrustKey(memory.state.path(), memory.Rules(), memory.a.Public()),
                memory.state.path(),
                clock);
  REQUIRE(memory.Rules().policy.keys.size() == 1);
  CHECK(memory.Rules().policy.keys.front().key.Fingerprint() == memory.a.Public().Fingerprint());
}

TEST_CASE("TrustRulesOf: what an older ros wrote is verified again by the machine's keys",
          "[installer]") {
  Memory memory;
  auto parts = fakes::MakeParts(64 * images::kBlockSize);
  parts.config.trust = PolicyText({memory.b});
  const auto image = fakes::Assemble(parts, {.keys = {memory.a.key}});
  const TempDirectory directory;
  image.WriteLayout(directory.path());
  keys::TrustStore trust;
  trust.Add(memory.a.Public());
  const auto verified = images::VerifyImage(
      *images::OpenImage(directory.path()), trust, images::SignaturePolicy::kRequired);
  memory.good.digest = verified.manifest.digest.ToString();
  memory.texts = {{"MANIFEST", verified.raw_manifest},
                  {"CONFIG", verified.raw_config},
                  {"SIGS", verified.raw_signatures}};
  CHECK(memory.Names() == Names{"b.pub"});
  SECTION("also where the record is of another image") {
    RememberVerifiedSlot(memory.state.path(), SlotId::kA, {"sha256:stale", ""});
    CHECK(memory.Names() == Names{"b.pub"});
  }
  SECTION("a policy that neither a record nor a key vouches for is not passed over") {
    memory.good.config = verified.config;
    memory.texts["CONFIG"] += " ";
    CHECK_THROWS_WITH(memory.Rules(), Catch::Contains("neither is it recorded"));
  }
}

TEST_CASE("TrustRulesOf: the machine's own file makes it stricter, and is never passed over",
          "[installer]") {
  Memory memory;
  memory.WriteOwn("lowest-epoch: 9\n");
  CHECK(memory.Rules().policy.restrictions.lowest_epoch == 9);
  CHECK_THAT(memory.Rules().source, Catch::Contains("made stricter by"));
  memory.WriteOwn("lowest-epoch: nine\n");
  CHECK_THROWS_WITH(memory.Rules(), Catch::Contains("trust.yml:1:15"));
  memory.WriteOwn("");
  CHECK_THROWS_WITH(memory.Rules(), Catch::Contains("it is empty"));
  std::filesystem::remove(memory.state.path() / kOwnRules);
  std::filesystem::create_symlink("/nonexistent", memory.state.path() / kOwnRules);
  CHECK_THROWS_AS(memory.Rules(), Error);
}

TEST_CASE("ReadVerifiedSlots: a damaged record is not taken for none", "[installer]") {
  Memory memory;
  WriteFileAtomically(memory.state.path() / "verified.json", AsBytes("{\"a\": {"));
  try {
    static_cast<void>(memory.Rules());
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kVerification);
    CHECK_THAT(error.message(),
               Catch::Contains("verified.json") && Catch::Contains("--keep-state"));
  }
  // As the first boot after that installation does.
  ReplaceVerifiedSlots(memory.state.path(), {{SlotId::kA, {.digest = "sha256:one"}}});
  CHECK(memory.Names() == Names{"a.pub"});
}

TEST_CASE("TrustedNow: a clock that begins in the past is not believed", "[installer]") {
  const TempDirectory state;
  SlotContent running;
  CHECK(TrustedNow(state.path(), running, FixedClock(kNow)) == kNow);
  running.config = images::ImageConfig{.created = kNow + 5};
  CHECK(TrustedNow(state.path(), running, FixedClock(0)) == kNow + 5);
  const FixedClock later(kNow + 9);
  health::Journal(state.path(), later).Append({.reason = "something"});
  CHECK(TrustedNow(state.path(), running, FixedClock(0)) == kNow + 9);
  // Each boot notes something, by its own clock.
  const FixedClock begins_anew(1);
  health::Journal(state.path(), begins_anew).Append({.reason = "started"});
  CHECK(TrustedNow(state.path(), running, FixedClock(0)) == kNow + 9);
}

TEST_CASE("TrustedNow: a clock that was ahead locks nobody out once it is right", "[installer]") {
  const TempDirectory state;
  const SlotContent running{.config = images::ImageConfig{.created = kNow}};
  const FixedClock ahead(kNow + 1'000'000);
  health::Journal(state.path(), ahead).Append({.reason = "started"});
  CHECK(TrustedNow(state.path(), running, FixedClock(kNow + 1)) == kNow + 1'000'000);
  CHECK(TrustedNow(state.path(), running, FixedClock(kNow + 1, true)) == kNow + 1);
  // Whoever answers for the time does not make it earlier than the image.
  CHECK(TrustedNow(state.path(), running, FixedClock(1, true)) == kNow);
}

TEST_CASE("RulesKeeping: revocations of the machine count, its thresholds wait for the policy",
          "[installer]") {
  const NamedKey key{.name = "a.pub"};
  keys::TrustStore store;
  store.Add(key.Public());
  const trust::Restrictions own{.thresholds = {{2, "ops"}},
                                .revoked_keys = {key.Public().Fingerprint()},
                                .lowest_epoch = 4,
                                .max_age = std::nullopt};
  const auto rules = RulesKeeping(RulesOfKeys(store, kNow), own);
  CHECK(rules.policy.restrictions.thresholds == std::vector<trust::Threshold>{{1, "release"}});
  CHECK(rules.policy.restrictions.lowest_epoch == 4);
  CHECK_FALSE(trust::WhyImpossible(rules.policy, kNow).empty());
  CHECK(rules.own == own);
}

TEST_CASE("ros keys trust: adds a key, and not to an image's policy", "[installer]") {
  Memory memory;
  const FixedClock clock(kNow);
  const auto plan = PlanTrustKey(memory.state.path(), memory.Rules(), memory.b.Public());
  CHECK_FALSE(plan.already_there);
  ApplyTrustKey(plan, memory.state.path(), clock);
  CHECK(memory.Rules().policy.keys.size() == 2);
  CHECK(PlanTrustKey(memory.state.path(), memory.Rules(), memory.b.Public()).already_there);

  RememberVerifiedSlot(memory.state.path(), SlotId::kA, {"sha256:one", PolicyText({memory.a})});
  CHECK_THROWS_WITH(PlanTrustKey(memory.state.path(), memory.Rules(), memory.b.Public()),
                    Catch::Contains("the next image brings new keys"));
}

TEST_CASE("ros keys revoke: a key, an image, and what that leaves", "[installer]") {
  Memory memory;
  const FixedClock clock(kNow);
  memory.WriteKey(memory.b);
  const auto revoke = [&](const std::string& what) {
    const auto plan = PlanRevoke(memory.Rules(), what);
    ApplyRevoke(plan, memory.state.path(), clock);
    return plan;
  };
  const auto print_a = memory.a.key.Public().Fingerprint();
  CHECK(revoke("a.pub").strands.empty());
  const auto digest = "sha256:" + std::string(64, 'd');
  CHECK(revoke(digest).strands.empty());
  const auto rules = memory.Rules();
  CHECK(rules.policy.restrictions.revoked_keys == Names{print_a});
  CHECK(rules.policy.restrictions.revoked_digests.size() == 1);
  CHECK_THAT(DescribeTrust(rules), Catch::Contains(print_a + "  no, it is revoked"));
  CHECK(PlanRevoke(rules, print_a).already_there);
  CHECK_THAT(PlanRevoke(rules, "b.pub").strands, Catch::Contains("1 of release"));
  CHECK_THROWS_WITH(PlanRevoke(rules, "c"), Catch::Contains("there is: a.pub"));
  CHECK(health::Journal(memory.state.path(), clock).Read().size() == 2);
}

}  // namespace ros::installer
