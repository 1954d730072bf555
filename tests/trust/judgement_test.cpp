#include "trust/judgement.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "keys/key_pair.hpp"

namespace ros::trust {
namespace {

constexpr UnixTime kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86400;

const keys::PublicKey& Key(int number) {
  static const auto kKeys = [] {
    std::vector<keys::PublicKey> made;
    for (const auto* name : {"a", "b", "c"}) {
      made.push_back(keys::PublicKey::FromPem(
          keys::PrivateKey::Generate(keys::KeyType::kEd25519).Public().ToPem(), name));
    }
    return made;
  }();
  return kKeys.at(static_cast<std::size_t>(number));
}

std::string Print(int number) {
  return Key(number).Fingerprint();
}

TrustedKey Trusted(int number, const std::string& role = "release") {
  return {.name = Key(number).name(),
          .role = role,
          .key = Key(number),
          .valid_from = std::nullopt,
          .valid_until = std::nullopt};
}

Policy TwoOfThree() {
  Policy policy{.keys = {Trusted(0), Trusted(1), Trusted(2)}, .restrictions = {}};
  policy.restrictions.thresholds = {{2, "release"}};
  return policy;
}

RuleResult Only(const std::vector<RuleResult>& rules) {
  REQUIRE(rules.size() == 1);
  return rules.front();
}

}  // namespace

TEST_CASE("JudgeSigners: counts different keys of the role", "[trust]") {
  const auto policy = TwoOfThree();
  CHECK(Only(JudgeSigners(policy, {Print(0), Print(2)}, kNow)) ==
        RuleResult{.rule = "2 of release",
                   .met = true,
                   .how = "signed by a (" + Print(0) + "), c (" + Print(2) + ")"});
  CHECK_FALSE(Only(JudgeSigners(policy, {Print(0)}, kNow)).met);
  CHECK_FALSE(Only(JudgeSigners(policy, {Print(0), Print(0)}, kNow)).met);
  CHECK_FALSE(Only(JudgeSigners(policy, {Print(0), "0123456789abcdef"}, kNow)).met);
  CHECK_FALSE(Only(JudgeSigners(policy, {}, kNow)).met);
}

TEST_CASE("JudgeSigners: says who has signed and who is wanted", "[trust]") {
  CHECK(Only(JudgeSigners(TwoOfThree(), {Print(1)}, kNow)).how ==
        "signed by b (" + Print(1) + "); no signature by a (" + Print(0) + "), c (" + Print(2) +
            ")");
  auto policy = TwoOfThree();
  policy.restrictions.thresholds = {{1, "nobody"}};
  CHECK(Only(JudgeSigners(policy, {Print(1)}, kNow)).how == "no key has the role nobody");
}

TEST_CASE("JudgeSigners: a key of another role does not count", "[trust]") {
  auto policy = TwoOfThree();
  policy.keys[1].role = "ops";
  CHECK_FALSE(Only(JudgeSigners(policy, {Print(0), Print(1)}, kNow)).met);
  policy.restrictions.thresholds = {{1, "release"}, {1, "ops"}};
  const auto rules = JudgeSigners(policy, {Print(0), Print(1)}, kNow);
  CHECK(rules.size() == 2);
  CHECK_NOTHROW(RequireAll(rules));
  CHECK_THROWS_WITH(RequireAll(JudgeSigners(policy, {Print(0)}, kNow)),
                    Catch::Contains("\"1 of ops\"") && Catch::Contains("no signature by b"));
}

TEST_CASE("JudgeSigners: a revoked key does not count, two others do", "[trust]") {
  auto policy = TwoOfThree();
  policy.restrictions.revoked_keys = {Print(0)};
  const auto rule = Only(JudgeSigners(policy, {Print(0), Print(1)}, kNow));
  CHECK_FALSE(rule.met);
  CHECK_THAT(rule.how, Catch::Contains("a (" + Print(0) + ") is revoked"));
  CHECK(Only(JudgeSigners(policy, {Print(0), Print(1), Print(2)}, kNow)).met);
}

TEST_CASE("JudgeSigners: a key counts within its dates, both ends included", "[trust]") {
  auto policy = TwoOfThree();
  policy.restrictions.thresholds = {{1, "release"}};
  policy.keys[0].valid_from = kNow - kDay;
  policy.keys[0].valid_until = kNow + kDay;
  const auto met = [&](UnixTime now) { return Only(JudgeSigners(policy, {Print(0)}, now)).met; };
  CHECK_FALSE(met(kNow - kDay - 1));
  CHECK(met(kNow - kDay));
  CHECK(met(kNow + kDay));
  CHECK_FALSE(met(kNow + kDay + 1));
  CHECK_THAT(Only(JudgeSigners(policy, {Print(0)}, kNow + 2 * kDay)).how,
             Catch::Contains("was valid until 2027"));
}

TEST_CASE("JudgeDigest and JudgeImage: digest, epoch and age", "[trust]") {
  auto policy = TwoOfThree();
  const auto digest = keys::Sha256Of(AsBytes("an image"));
  CHECK(JudgeDigest(policy, digest).met);
  CHECK(JudgeImage(policy, {.epoch = 0, .created = 0}, kNow).empty());
  policy.restrictions.revoked_digests = {digest};
  CHECK_FALSE(JudgeDigest(policy, digest).met);
  CHECK(JudgeDigest(policy, keys::Sha256Of(AsBytes("another"))).met);

  policy.restrictions.lowest_epoch = 4;
  CHECK(Only(JudgeImage(policy, {.epoch = 4}, kNow)).met);
  CHECK_FALSE(Only(JudgeImage(policy, {.epoch = 3}, kNow)).met);
  policy.restrictions.lowest_epoch = 0;
  policy.restrictions.max_age = std::chrono::seconds(90 * kDay);
  CHECK(Only(JudgeImage(policy, {.created = kNow - 90 * kDay}, kNow)).met);
  const auto old = Only(JudgeImage(policy, {.created = kNow - 91 * kDay}, kNow));
  CHECK_FALSE(old.met);
  CHECK_THAT(old.how, Catch::Contains("91 days ago"));
}

TEST_CASE("Tighten: never takes what was refused before", "[trust]") {
  auto policy = TwoOfThree();
  policy.restrictions.lowest_epoch = 4;
  policy.restrictions.max_age = std::chrono::seconds(90 * kDay);
  const auto looser = Tighten(policy,
                              {.thresholds = {{1, "release"}},
                               .revoked_keys = {Print(2)},
                               .lowest_epoch = 2,
                               .max_age = std::chrono::seconds(900 * kDay)});
  CHECK(looser.restrictions.thresholds == std::vector<Threshold>{{2, "release"}, {1, "release"}});
  CHECK(looser.restrictions.lowest_epoch == 4);
  CHECK(looser.restrictions.max_age == std::chrono::seconds(90 * kDay));
  CHECK(IsRevoked(looser.restrictions, Print(2)));
  const auto stricter = Tighten(policy, {.lowest_epoch = 9, .max_age = std::chrono::seconds(kDay)});
  CHECK(stricter.restrictions.lowest_epoch == 9);
  CHECK(stricter.restrictions.max_age == std::chrono::seconds(kDay));
}

TEST_CASE("WhyImpossible: tells a policy that no image can meet", "[trust]") {
  auto policy = TwoOfThree();
  CHECK(WhyImpossible(policy, kNow).empty());
  policy.restrictions.revoked_keys = {Print(0)};
  CHECK(WhyImpossible(policy, kNow).empty());
  policy.restrictions.revoked_keys = {Print(0), Print(1)};
  CHECK_THAT(WhyImpossible(policy, kNow), Catch::StartsWith("2 of release: signed by c"));
}

TEST_CASE("EndOf: the last second at which enough keys count", "[trust]") {
  auto policy = TwoOfThree();
  CHECK_FALSE(EndOf(policy));
  policy.keys[0].valid_until = kNow + 10;
  CHECK_FALSE(EndOf(policy));  // b and c go on
  policy.keys[1].valid_until = kNow + 20;
  policy.keys[2].valid_until = kNow + 30;
  CHECK(EndOf(policy) == kNow + 20);
  // A key that begins later stands in.
  policy.keys[0].valid_until.reset();
  policy.keys[0].valid_from = kNow + 25;
  CHECK(EndOf(policy) == kNow + 30);
  policy.restrictions.revoked_keys = {Print(0), Print(1)};
  CHECK_FALSE(EndOf(policy));  // it never began
}

TEST_CASE("PolicyOf: any one of the keys", "[trust]") {
  keys::TrustStore store;
  store.Add(Key(0));
  store.Add(Key(1));
  const auto policy = PolicyOf(store);
  CHECK(Only(JudgeSigners(policy, {Print(1)}, kNow)).met);
  CHECK_FALSE(Only(JudgeSigners(policy, {Print(2)}, kNow)).met);
  CHECK(KeysOf(policy).keys().size() == 2);
}

}  // namespace ros::trust
