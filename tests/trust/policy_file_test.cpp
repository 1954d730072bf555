#include "trust/policy_file.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "keys/key_pair.hpp"

namespace ros::trust {
namespace {

// The same two keys for all tests of this file: making one takes a while.
const std::string& Pem(int number) {
  static const std::string kPems[] = {
      keys::PrivateKey::Generate(keys::KeyType::kEd25519).Public().ToPem(),
      keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256).Public().ToPem()};
  return kPems[number];
}

std::string Block(int number) {
  std::string text = "    key: |\n";
  std::string_view rest = Pem(number);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    text += "      " + std::string(rest.substr(0, end)) + "\n";
    rest.remove_prefix(end + 1);
  }
  return text;
}

std::string TwoKeys() {
  return "keys:\n  - name: release-2026\n    valid-from: 2026-01-01\n    valid-until: "
         "2027-12-31\n" +
         Block(0) + "  - name: ops\n    role: ops\n" + Block(1);
}

void CheckRefused(const std::string& text, const std::string& why) {
  INFO(text);
  try {
    ParsePolicy(text, "trust.yml");
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK_THAT(error.message(), Catch::Contains(why));
    CHECK_THAT(error.message(), Catch::StartsWith("trust.yml"));
  }
}

}  // namespace

TEST_CASE("ParsePolicy: reads keys and rules", "[trust]") {
  const auto policy = ParsePolicy(TwoKeys() +
                                      "threshold: [1 of release, 1 of ops]\n"
                                      "revoked:\n"
                                      "  keys: [\"0123456789012345\"]\n"
                                      "  digests: [sha256:" +
                                      std::string(64, 'a') +
                                      "]\n"
                                      "lowest-epoch: 3\n"
                                      "max-age: 90d\n",
                                  "trust.yml");
  REQUIRE(policy.keys.size() == 2);
  CHECK(policy.keys[0].name == "release-2026");
  CHECK(policy.keys[0].role == "release");
  CHECK(policy.keys[0].key.ToPem() == Pem(0));
  CHECK(policy.keys[0].key.name() == "release-2026");
  CHECK(policy.keys[0].valid_from == ParseTime("2026-01-01T00:00:00Z"));
  CHECK(policy.keys[0].valid_until == ParseTime("2027-12-31T23:59:59Z"));
  CHECK(policy.keys[1].role == "ops");
  CHECK_FALSE(policy.keys[1].valid_from);
  CHECK(policy.restrictions ==
        Restrictions{.thresholds = {{1, "release"}, {1, "ops"}},
                     .revoked_keys = {"0123456789012345"},
                     .revoked_digests = {keys::Digest::ParseHex(std::string(64, 'a'))},
                     .lowest_epoch = 3,
                     .max_age = std::chrono::hours(24 * 90),
                     .channels = {}});
}

TEST_CASE("ParsePolicy: without a threshold one key of `release` is enough", "[trust]") {
  CHECK(ParsePolicy(TwoKeys(), "trust.yml").restrictions.thresholds ==
        std::vector<Threshold>{{1, "release"}});
}

TEST_CASE("ParsePolicy: reads which channel is asked for", "[trust]") {
  const auto channels = [](const std::string& rule) {
    return ParsePolicy(TwoKeys() + rule, "trust.yml").restrictions.channels;
  };
  CHECK(channels("").empty());
  CHECK(channels("channel: {name: stable}\n") ==
        std::vector<ChannelRule>{{.name = "stable", .thresholds = {}}});
  CHECK(channels("channel: {name: stable, threshold: [1 of ops, 1 of release]}\n") ==
        std::vector<ChannelRule>{{.name = "stable", .thresholds = {{1, "ops"}, {1, "release"}}}});
  CHECK_THROWS_WITH(channels("channel: {name: stable, threshold: 1 of channel}\n"),
                    Catch::Contains("1 of channel can never be met"));
  CHECK_THROWS_WITH(channels("channel: {threshold: 1 of ops}\n"), Catch::Contains("has a name"));
  CHECK_THROWS_WITH(channels("channel: {name: ../stable}\n"), Catch::Contains("a channel's name"));
  CHECK_THROWS_WITH(channels("channel: {name: stable, serial: 3}\n"),
                    Catch::Contains("\"serial\" is not known"));
  CHECK_THROWS_WITH(channels("channel: stable\n"), Catch::Contains("is a map"));
}

TEST_CASE("FormatPolicy: is read back as it was, and always the same", "[trust]") {
  const auto policy =
      ParsePolicy(TwoKeys() +
                      "threshold: 1 of ops\nmax-age: 7d\nrevoked: {keys: [\"0000000000000001\"]}\n"
                      "channel: {name: stable, threshold: 1 of ops}\n",
                  "trust.yml");
  const auto text = FormatPolicy(policy);
  CHECK_THAT(text, Catch::Contains("-----BEGIN PUBLIC KEY-----\n"));
  const auto again = ParsePolicy(text, "again");
  CHECK(again.restrictions == policy.restrictions);
  REQUIRE(again.keys.size() == 2);
  CHECK(again.keys[0].valid_until == policy.keys[0].valid_until);
  CHECK(again.keys[1].key.ToPem() == Pem(1));
  CHECK(FormatPolicy(again) == text);
}

TEST_CASE("ParsePolicy: takes keys from files beside a policy that a person wrote", "[trust]") {
  const TempDirectory directory("trust");
  WriteFileAtomically(directory.path() / "a.pub", AsBytes(Pem(0)));
  const std::string text = "keys: [{name: a, file: a.pub}]\n";
  const auto file = (directory.path() / "trust.yml").string();
  CHECK(ParsePolicy(text, file, KeyFiles::kBesidePolicy).keys.at(0).key.ToPem() == Pem(0));
  CHECK_THROWS_WITH(ParsePolicy(text, file), Catch::Contains("has its keys in itself"));
  CHECK_THROWS_WITH(ParsePolicy("keys: [{name: a, file: b.pub}]\n", file, KeyFiles::kBesidePolicy),
                    Catch::Contains("b.pub"));
}

TEST_CASE("ParsePolicy: refuses what it does not understand, saying where", "[trust]") {
  const auto keys = TwoKeys();
  CheckRefused("", "is a map");
  CheckRefused("threshold: 1 of release\n", "write `keys:`");
  CheckRefused(keys + "treshold: 2 of release\n", "did you mean \"threshold\"?");
  CheckRefused(keys + "version: 2\n", "this ros knows version 1");
  CheckRefused(keys + "keys: []\n", "keys");
  CheckRefused(keys + "threshold: two of release\n", "expected as \"2 of release\"");
  CheckRefused(keys + "threshold: 0 of release\n", "expected as \"2 of release\"");
  CheckRefused(keys + "threshold: 1 of\n", "expected as \"2 of release\"");
  CheckRefused(keys + "threshold: 2 of release\n",
               "can never be met: keys of this role that are not revoked: 1");
  CheckRefused(keys + "threshold: 1 of nobody\n", "not revoked: 0");
  CheckRefused(keys + "lowest-epoch: -1\n", "expected a number");
  CheckRefused(keys + "lowest-epoch: 99999999999999999999\n", "expected a number");
  CheckRefused(keys + "max-age: 90\n", "expected days");
  CheckRefused(keys + "max-age: 99999999999999999999d\n", "expected days");
  CheckRefused(keys + "revoked: {keys: [nonsense]}\n", "a key's fingerprint");
  CheckRefused(keys + "revoked: {digests: [sha1:00]}\n", "sha1:00");
  CheckRefused(keys + "revoked: {digest: []}\n", "did you mean \"digests\"?");
  CheckRefused("keys: [{name: a}]\n", "either `key:`");
  CheckRefused("keys: [{key: none}]\n", "a key has a name");
  CheckRefused("keys: [{name: a, key: none}]\n", "a");
  CheckRefused("keys: [{name: a b, key: none}]\n", "a name is letters");
  CheckRefused("keys: [{name: \"0123456789abcdef\", key: none}]\n", "looks like a fingerprint");
  CheckRefused("keys:\n  - name: a\n    valid-from: tomorrow\n" + Block(0), "expected a day");
  CheckRefused("keys:\n  - name: a\n" + Block(0) + "  - name: b\n" + Block(0), "the same key as a");
  CheckRefused("keys:\n  - name: a\n" + Block(0) + "  - name: a\n" + Block(1),
               "two keys are called a");
  CheckRefused(std::string(kMaxPolicySize + 1, '#'), "trust.yml");
}

TEST_CASE("ParsePolicy: a threshold that revocations have made impossible is refused", "[trust]") {
  const auto fingerprint = keys::PublicKey::FromPem(Pem(0), "a").Fingerprint();
  CheckRefused(TwoKeys() + "revoked: {keys: [\"" + fingerprint + "\"]}\n",
               "1 of release can never be met");
}

TEST_CASE("ParseRestrictions: takes what makes stricter and no keys", "[trust]") {
  CHECK(ParseRestrictions("version: 1\n", "trust.yml") == Restrictions{});
  // A power cut may have emptied it.
  CHECK_THROWS_WITH(ParseRestrictions("", "trust.yml"), Catch::Contains("it is empty"));
  const auto own = ParseRestrictions("threshold: 2 of ops\nlowest-epoch: 9\n", "trust.yml");
  CHECK(own == Restrictions{.thresholds = {{2, "ops"}}, .lowest_epoch = 9, .max_age = {}});
  CHECK(ParseRestrictions(FormatRestrictions(own), "trust.yml") == own);
  CHECK_THROWS_WITH(ParseRestrictions(TwoKeys(), "trust.yml"),
                    Catch::Contains("trust.yml:2:3") && Catch::Contains("only make"));
}

}  // namespace ros::trust
