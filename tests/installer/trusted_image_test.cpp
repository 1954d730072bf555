// Attacks as a table: each image is refused with the rule that it breaks, and taken without the
// fault.
#include "installer/trusted_image.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "installer/verified_slots.hpp"
#include "keys/key_pair.hpp"
#include "tests/images/support/fake_image.hpp"
#include "trust/policy_file.hpp"

namespace ros::installer {
namespace {

namespace fakes = images::fakes;

constexpr UnixTime kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86400;

const keys::PrivateKey& Key(std::size_t number) {
  static const std::vector<keys::PrivateKey> kKeys = {
      keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256),
      keys::PrivateKey::Generate(keys::KeyType::kEd25519),
      keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256)};
  return kKeys.at(number);
}

std::string Print(std::size_t number) {
  return Key(number).Public().Fingerprint();
}

trust::TrustedKey Trusted(std::size_t number) {
  const std::string name(1, static_cast<char>('a' + static_cast<int>(number)));
  return {.name = name,
          .key = keys::PublicKey::FromPem(Key(number).Public().ToPem(), name),
          .valid_from = std::nullopt,
          .valid_until = std::nullopt};
}

// Keys a and b are trusted, one of them is enough; c is a stranger.
struct Attack {
  trust::Policy policy{.keys = {Trusted(0), Trusted(1)},
                       .restrictions = {.thresholds = {{1, "release"}}, .max_age = {}}};
  fakes::FakeParts parts = fakes::MakeParts(64 * images::kBlockSize);
  std::vector<std::size_t> signers = {0};
  trust::Restrictions own;   // of the machine
  std::string image_policy;  // likewise, brought by its image

  Attack() {
    parts.config.epoch = 5;
    parts.config.created = kNow - 10 * kDay;
  }

  [[nodiscard]] fakes::FakeImage Image() const {
    std::vector<keys::PrivateKey> keys;
    for (const auto signer : signers) {
      keys.push_back(Key(signer));
    }
    return fakes::Assemble(parts, {.keys = std::move(keys)});
  }

  [[nodiscard]] TrustRules Rules() const {
    return {.policy = trust::Tighten(policy, own),
            .image_policy = image_policy,
            .source = "the test's rules",
            .now = kNow,
            .own = own};
  }

  [[nodiscard]] std::string Refusal() const {
    const TempDirectory directory;
    Image().WriteLayout(directory.path());
    NoProgress progress;
    try {
      OpenTrustedImage(
          LocateImage(directory.path()), Rules(), images::SignaturePolicy::kRequired, progress);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
      return error.message();
    }
    return {};
  }

  [[nodiscard]] TrustExplanation Explain() const {
    const TempDirectory directory;
    Image().WriteLayout(directory.path());
    NoProgress progress;
    return ExplainTrust(LocateImage(directory.path()), Rules(), progress);
  }
};

struct Case {
  const char* what;
  void (*change)(Attack& attack);
  const char* says;
};

const Case kCases[] = {
    {"unsigned", [](Attack& a) { a.signers = {}; }, "is not signed; wanted: a (ecdsa"},
    {"signed by a stranger", [](Attack& a) { a.signers = {2}; }, "which is not trusted"},
    {"no key is trusted", [](Attack& a) { a.policy.keys.clear(); }, "no key is trusted"},
    {"the key is revoked",
     [](Attack& a) { a.policy.restrictions.revoked_keys = {Print(0)}; },
     "is revoked; no signature by b"},
    {"the key has expired",
     [](Attack& a) { a.policy.keys[0].valid_until = kNow - 1; },
     "was valid until 2027-01-15"},
    {"the key is not valid yet",
     [](Attack& a) { a.policy.keys[0].valid_from = kNow + 1; },
     "is not valid before 2027-01-15"},
    {"a threshold is not met",
     [](Attack& a) {
       a.policy.restrictions.thresholds = {{2, "release"}};
     },
     "\"2 of release\": signed by a"},
    {"a threshold is met twice by one key",
     [](Attack& a) {
       a.policy.restrictions.thresholds = {{2, "release"}};
       a.signers = {0, 0};
     },
     "\"2 of release\": signed by a"},
    {"a threshold is met with a stranger",
     [](Attack& a) {
       a.policy.restrictions.thresholds = {{2, "release"}};
       a.signers = {0, 2};
     },
     "\"2 of release\": signed by a"},
    {"the key has another role",
     [](Attack& a) { a.policy.keys[0].role = "ops"; },
     "\"1 of release\": signed by none; no signature by b"},
    {"the image is revoked",
     [](Attack& a) { a.policy.restrictions.revoked_digests = {a.Image().digest}; },
     "\"not revoked\""},
    {"an old epoch",
     [](Attack& a) { a.policy.restrictions.lowest_epoch = 6; },
     "\"epoch 6 or later\": epoch 5"},
    {"an old image",
     [](Attack& a) { a.policy.restrictions.max_age = std::chrono::seconds(9 * kDay); },
     "\"at most 9 days old\": created 2027-01-05"},
    {"a policy that is none",
     [](Attack& a) { a.parts.config.trust = "keys: [nonsense]\n"; },
     "the trust policy of"},
    {"a policy with a rule that is not known",
     [](Attack& a) { a.parts.config.trust = trust::FormatPolicy(a.policy) + "moon-phase: full\n"; },
     "\"moon-phase\" is not known"},
    {"a policy that no image could meet any more",
     [](Attack& a) {
       auto own = a.policy;
       own.keys[0].valid_until = own.keys[1].valid_until = kNow - 1;
       a.parts.config.trust = trust::FormatPolicy(own);
     },
     "could never be upgraded"},
    {"signed by no key in its initrd",
     [](Attack& a) { a.parts.config.initrd_keys = {Print(1)}; },
     "\"signed by a key in its initrd\": its initrd takes signatures of"},
    {"signed by a key in its initrd that is not trusted here, so that it would not be kept",
     [](Attack& a) {
       a.signers = {0, 2};
       a.parts.config.initrd_keys = {Print(2)};
     },
     "build it with --signer KEY.pub"},
    {"a policy that is dropped",
     [](Attack& a) { a.image_policy = trust::FormatPolicy(a.policy); },
     "\"brings a trust policy\": it brings none"},
    {"a policy that no image could meet on this machine",
     [](Attack& a) {
       auto brought = a.policy;
       brought.restrictions.thresholds = {{2, "release"}};
       a.parts.config.trust = trust::FormatPolicy(brought);
       a.own.revoked_keys = {Print(1)};
     },
     "could never be upgraded"},
};

}  // namespace

TEST_CASE("JudgedRules: what was told of the first stays until there is something of the second",
          "[installer]") {
  JudgedRules rules;
  rules.Begin();
  rules.Add({{.rule = "signed", .met = true, .how = "by release"}});
  rules.Add({{.rule = "fresh", .met = false, .how = "expired"}});
  rules.Begin();
  REQUIRE(rules.results().size() == 2);
  CHECK(rules.results()[1].how == "expired");
  rules.Add({{.rule = "fresh", .met = true, .how = "until tomorrow"}});
  REQUIRE(rules.results().size() == 1);
  CHECK(rules.results()[0].met);
}

TEST_CASE("LocateImage: an address is no path, however long it is", "[installer]") {
  const auto address = "https://store.example/os.oci?signature=" + std::string(5000, 's');
  CHECK(LocateImage(address).address->url == address);
}

TEST_CASE("OpenTrustedImage: takes what meets the rules", "[installer]") {
  Attack none;
  CHECK(none.Refusal().empty());
  none.parts.config.trust = trust::FormatPolicy(none.policy);
  CHECK(none.Refusal().empty());
  none.policy.restrictions.thresholds = {{2, "release"}};
  none.signers = {2, 1, 0};
  CHECK(none.Refusal().empty());
  none.parts.config.initrd_keys = {Print(2), Print(1)};
  CHECK(none.Refusal().empty());
}

TEST_CASE("OpenTrustedImage: refuses each attack, saying which rule is broken", "[installer]") {
  for (const auto& test : kCases) {
    INFO(test.what);
    Attack attack;
    test.change(attack);
    CHECK_THAT(attack.Refusal(), Catch::Contains(test.says));
  }
}

TEST_CASE("OpenTrustedImage: what an unsigned image brings counts for nothing", "[installer]") {
  Attack attack;
  attack.signers = {};
  attack.image_policy = trust::FormatPolicy(attack.policy);
  attack.parts.config.trust = "no policy at all";
  const TempDirectory directory;
  attack.Image().WriteLayout(directory.path());
  NoProgress progress;
  const auto opened = OpenTrustedImage(LocateImage(directory.path()),
                                       attack.Rules(),
                                       images::SignaturePolicy::kAllowUnsigned,
                                       progress);
  CHECK(VerifiedSlotOf(opened.image).policy.empty());
}

TEST_CASE("OpenTrustedImage: no unsigned image whose initrd asks for a signature", "[installer]") {
  Attack attack;
  attack.signers = {};
  attack.parts.config.initrd_keys = {Print(0)};
  const TempDirectory directory;
  attack.Image().WriteLayout(directory.path());
  NoProgress progress;
  CHECK_THROWS_WITH(OpenTrustedImage(LocateImage(directory.path()),
                                     attack.Rules(),
                                     images::SignaturePolicy::kAllowUnsigned,
                                     progress),
                    Catch::Contains("what counts here is none, so it would not start"));
}

TEST_CASE("OpenTrustedImage: of an image by a revoked key nothing is parsed", "[installer]") {
  Attack attack;
  attack.parts.config.name = "not a name";
  CHECK_THAT(attack.Refusal(), Catch::Contains("is no name"));
  attack.policy.restrictions.revoked_keys = {Print(0)};
  CHECK_THAT(attack.Refusal(), Catch::Contains("is revoked") && !Catch::Contains("is no name"));
}

TEST_CASE("ExplainTrust: shows each rule and how it was met", "[installer]") {
  Attack attack;
  attack.policy.restrictions.thresholds = {{1, "release"}};
  attack.policy.restrictions.lowest_epoch = 2;
  const auto taken = attack.Explain();
  CHECK(taken.refusal.empty());
  REQUIRE(taken.rules.size() == 4);
  CHECK(taken.rules[0].how == "signed by a (" + Print(0) + ")");
  CHECK(taken.rules[2].rule == "epoch 2 or later");
  CHECK_THAT(DescribeExplanation(taken), Catch::Contains("\n  met      1 of release: signed by a"));

  attack.policy.restrictions.lowest_epoch = 9;
  const auto refused = attack.Explain();
  CHECK_FALSE(refused.refusal.empty());
  REQUIRE(refused.rules.size() == 3);
  CHECK_FALSE(refused.rules[2].met);
  CHECK(ExplanationToJson(refused).At("taken", "").AsBool("") == false);

  attack.signers = {2};
  const auto unsigned_by_us = attack.Explain();
  REQUIRE(unsigned_by_us.rules.size() == 1);
  CHECK_THAT(unsigned_by_us.rules[0].how, Catch::Contains("which is not trusted"));
}

}  // namespace ros::installer
