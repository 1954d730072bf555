#include "installer/initrd_keys.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "keys/key_pair.hpp"

namespace ros::installer {
namespace {

keys::PublicKey NewKey(const std::string& name) {
  return keys::PublicKey::FromPem(
      keys::PrivateKey::Generate(keys::KeyType::kEd25519).Public().ToPem(), name);
}

trust::TrustedKey Trusted(const keys::PublicKey& key, const std::string& role) {
  return {.name = key.name(),
          .role = role,
          .key = key,
          .valid_from = std::nullopt,
          .valid_until = std::nullopt};
}

std::vector<std::string> Prints(const keys::TrustStore& store) {
  std::vector<std::string> prints;
  for (const auto& key : store.keys()) {
    prints.push_back(key.Fingerprint());
  }
  return prints;
}

}  // namespace

TEST_CASE("InitrdKeys: those that sign images, not revoked, and those that are named",
          "[installer]") {
  const auto good = NewKey("good");
  const auto lost = NewKey("lost");
  const auto channel = NewKey("channel");
  const auto old = NewKey("old");
  trust::Policy policy{
      .keys = {Trusted(good, "release"), Trusted(lost, "release"), Trusted(channel, "channel")},
      .restrictions = {.thresholds = {{1, "release"}},
                       .revoked_keys = {lost.Fingerprint()},
                       .max_age = {},
                       .channels = {{.name = "stable", .thresholds = {{1, "channel"}}}}}};
  CHECK(Prints(InitrdKeys(policy, {})) == std::vector<std::string>{good.Fingerprint()});
  const TempDirectory directory("ros-initrd-keys");
  const auto file = directory.path() / "old.pub";
  WriteFileAtomically(file, AsBytes(old.ToPem()));
  CHECK(Prints(InitrdKeys(policy, {file})) ==
        std::vector<std::string>{good.Fingerprint(), old.Fingerprint()});
  WriteFileAtomically(file, AsBytes("no key"));
  CHECK_THROWS_AS(InitrdKeys(policy, {file}), Error);
  CHECK(InitrdKeys({}, {}).empty());
}

}  // namespace ros::installer
