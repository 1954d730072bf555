#include "trust/release_choice.hpp"

#include <catch2/catch.hpp>

namespace ros::trust {
namespace {

keys::Digest DigestOf(const std::string& version) {
  return keys::Sha256Of(AsBytes(version));
}

Release Made(const std::string& version, std::uint32_t share = kWholeShare) {
  return {.version = version, .digest = DigestOf(version), .share = share};
}

Channel Of(std::vector<Release> releases) {
  return {.name = "stable", .serial = 7, .releases = std::move(releases)};
}

Follower Running(const std::string& version, const std::string& machine = "machine") {
  return {.machine = machine, .running = DigestOf(version).ToString()};
}

// What is chosen, as one line: "take 2", "halted".
std::string Chosen(const Channel& channel, const Follower& follower, const ChoiceWish& wish = {}) {
  const auto chosen = ChooseRelease(channel, follower, wish);
  auto text = std::string(Name(chosen.choice));
  return chosen.release.version.empty() ? text : text + " " + chosen.release.version;
}

constexpr ChoiceWish kNow{.wave = ChoiceWish::Wave::kJump};
constexpr ChoiceWish kBack{.older = ChoiceWish::Older::kWhenWithdrawn};

// A machine that has this share of a version in front of it: its place is not below.
std::string MachineBeyond(const std::string& version, std::uint32_t share) {
  for (int number = 0;; ++number) {
    auto machine = "machine-" + std::to_string(number);
    if (!IsInWave(machine, version, share)) {
      return machine;
    }
  }
}

}  // namespace

TEST_CASE("ChooseRelease: the last one listed is the newest, whatever its name", "[trust]") {
  CHECK(Chosen(Of({Made("1"), Made("3"), Made("2")}), Running("1")) == "take 2");
  CHECK(Chosen(Of({Made("1"), Made("3"), Made("2")}), Running("3")) == "take 2");
  CHECK(Chosen(Of({Made("1"), Made("3"), Made("2")}), Running("2")) == "up-to-date 2");
}

TEST_CASE("ChooseRelease: a machine whose image is not listed takes the newest", "[trust]") {
  CHECK(Chosen(Of({Made("1"), Made("2")}), Running("0")) == "take 2");
  CHECK(Chosen(Of({Made("1"), Made("2")}), {.machine = "m", .running = ""}) == "take 2");
  CHECK(Chosen(Of({}), Running("1")) == "nothing");
  CHECK(Chosen(Of({Made("2", 0)}), Running("1")) == "nothing");
}

TEST_CASE("ChooseRelease: waits for its wave, and tells its place", "[trust]") {
  const auto machine = MachineBeyond("2", 10);
  const auto channel = Of({Made("1"), Made("2", 10)});
  const auto chosen = ChooseRelease(channel, Running("1", machine));
  CHECK(chosen.choice == Choice::kWaits);
  CHECK(chosen.release == channel.releases[1]);
  CHECK(chosen.place == WavePlace(machine, "2"));
  CHECK(chosen.place >= 1000);
  CHECK(Chosen(channel, Running("1", machine), kNow) == "take 2");
  CHECK(Chosen(Of({Made("1"), Made("2", 100)}), Running("1", machine)) == "take 2");
  // A version that everybody has by now is not passed over for one that few have.
  CHECK(Chosen(Of({Made("0"), Made("1"), Made("2", 10)}), Running("0", machine)) == "take 1");
  // And one that has left the wave, because its share was made smaller, keeps what it runs.
  CHECK(Chosen(channel, Running("2", machine)) == "up-to-date 2");
}

TEST_CASE("ChooseRelease: withdrawn is never taken", "[trust]") {
  for (const auto& wish : {ChoiceWish(), kNow, kBack}) {
    CHECK(Chosen(Of({Made("1"), Made("2", 0)}), Running("1"), wish) == "up-to-date 1");
    CHECK(Chosen(Of({Made("0"), Made("1"), Made("2", 0)}), Running("0"), wish) == "take 1");
  }
}

TEST_CASE("ChooseRelease: leaves a withdrawn release forwards, and backwards only when told",
          "[trust]") {
  CHECK(Chosen(Of({Made("1"), Made("2", 0), Made("3")}), Running("2")) == "take 3");
  const auto channel = Of({Made("1"), Made("2", 0)});
  CHECK(Chosen(channel, Running("2")) == "withdrawn 1");
  CHECK(Chosen(channel, Running("2"), kNow) == "withdrawn 1");
  CHECK(Chosen(channel, Running("2"), kBack) == "take 1");
  CHECK(Chosen(Of({Made("2", 0)}), Running("2")) == "withdrawn");
  CHECK(Chosen(Of({Made("2", 0)}), Running("2"), kBack) == "withdrawn");
  // Nor is it hidden by a newer one that is not for this machine yet, or was rolled back on it.
  const auto waits = Of({Made("1"), Made("2", 0), Made("3", 0 + 1)});
  const Follower late{.machine = "a machine of the last wave", .running = Running("2").running};
  REQUIRE_FALSE(IsInWave(late.machine, "3", 1));
  CHECK(Chosen(waits, late) == "withdrawn 1");
  CHECK(Chosen(waits, late, kBack) == "take 1");
  CHECK(Chosen(waits, late, kNow) == "take 3");
  // Not where it is not withdrawn.
  CHECK(Chosen(Of({Made("1"), Made("2")}), Running("2"), kBack) == "up-to-date 2");
  CHECK(Chosen(Of({Made("1"), Made("2", 1)}), Running("2"), kBack) == "up-to-date 2");
}

TEST_CASE("ChooseRelease: nothing is taken while the channel is halted", "[trust]") {
  auto channel = Of({Made("1"), Made("2")});
  channel.halted = true;
  for (const auto& wish : {ChoiceWish(), kNow, kBack}) {
    CHECK(Chosen(channel, Running("1"), wish) == "halted");
    CHECK(Chosen(channel, Running("0"), wish) == "halted");
  }
}

TEST_CASE("ChooseRelease: passes over what was rolled back here", "[trust]") {
  auto machine = Running("1");
  machine.bad = {DigestOf("3").ToString()};
  CHECK(Chosen(Of({Made("1"), Made("3")}), machine) == "rolled-back 3");
  CHECK(Chosen(Of({Made("1"), Made("3")}), machine, kNow) == "rolled-back 3");
  CHECK(Chosen(Of({Made("1"), Made("2"), Made("3")}), machine) == "take 2");
  CHECK(Chosen(Of({Made("1"), Made("3"), Made("4")}), machine) == "take 4");
  CHECK(Chosen(Of({Made("1"), Made("3")}), machine, {.bad = ChoiceWish::Bad::kRetry}) == "take 3");
}

}  // namespace ros::trust
