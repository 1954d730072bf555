// A thousand machines that follow a channel, from the first percent to the halt: simulated are time
// and machines; the document, its signature, its judgement, the choice and the client are real, and
// so is the server, on the loopback.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "installer/followed_channel.hpp"
#include "installer/unattended.hpp"
#include "tests/installer/support/channel_registry.hpp"

namespace ros::installer {
namespace {

using testing::ChannelRegistry;
using trust::Choice;

constexpr std::size_t kMachines = 1000;
constexpr UnixTime kHour = 3600;
constexpr UnixTime kDay = 24 * kHour;
const UnixTime kBegin = ParseTime("2026-03-02T00:00:00Z");
// Of so many times that a machine asks, one goes to the server; the others get what that one got.
constexpr std::size_t kAskEach = 2000;

struct Simulated {
  std::string id;
  int minute = 0;     // of the timer
  UnixTime asks = 0;  // when it asks next
  std::string running;
  ChannelMemory memory;
  UnixTime upgraded = 0;
};

std::vector<Simulated> MakeMachines(const std::string& running) {
  std::mt19937_64 random(20260302);
  std::vector<Simulated> machines(kMachines);
  for (auto& machine : machines) {
    constexpr std::string_view kHex = "0123456789abcdef";
    while (machine.id.size() < 32) {
      machine.id += kHex[random() % kHex.size()];
    }
    machine.minute = static_cast<int>(random() % 60);
    machine.running = running;
  }
  return machines;
}

// Who publishes, and what is published now.
class Publisher {
 public:
  explicit Publisher(ChannelRegistry& registry) : registry_(registry) {
    channel_ = {.name = "stable",
                .serial = 0,
                .created = kBegin,
                .not_after = kBegin + 30 * kDay,
                .releases = {{.version = "1", .digest = keys::Sha256Of(AsBytes("1"))}}};
    Publish();
  }

  void Release(const std::string& version, std::uint32_t share) {
    if (channel_.releases.back().version != version) {
      channel_.releases.push_back(
          {.version = version, .digest = keys::Sha256Of(AsBytes(version)), .share = share});
    }
    channel_.releases.back().share = share;
    Publish();
  }

  void Halt(bool halted) {
    channel_.halted = halted;
    Publish();
  }

  [[nodiscard]] const trust::Channel& channel() const { return channel_; }

  // The rules of a machine, but for the time.
  [[nodiscard]] const TrustRules& rules() const { return rules_; }

 private:
  void Publish() {
    ++channel_.serial;
    registry_.Publish(channel_, key_);
  }

  ChannelRegistry& registry_;
  keys::PrivateKey key_ = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  TrustRules rules_{
      .policy = {.keys = {{.name = "channel",
                           .role = "channel",
                           .key = keys::PublicKey::FromPem(key_.Public().ToPem(), "channel"),
                           .valid_from = std::nullopt,
                           .valid_until = std::nullopt}},
                 .restrictions = {.thresholds = {{1, "release"}},
                                  .max_age = {},
                                  .channels = {{.name = "stable",
                                                .thresholds = {{1, "channel"}}}}}},
      .source = "the test's rules"};
  trust::Channel channel_;
};

class Fleet {
 public:
  explicit Fleet(config::UpgradeSettings settings) : settings_(std::move(settings)) {
    settings_.channel = registry_.repository() + ":stable";
  }

  // Up to `until`, from where it stopped. Machines know nothing of each other, so each runs alone.
  void RunUntil(UnixTime until) {
    for (auto& machine : machines_) {
      for (machine.asks = std::max(machine.asks, NextAsk(machine, kBegin)); machine.asks < until;
           machine.asks = NextAsk(machine, machine.asks)) {
        Ask(machine, machine.asks);
      }
    }
  }

  [[nodiscard]] double PercentOn(const std::string& version) const {
    const auto digest = keys::Sha256Of(AsBytes(version)).ToString();
    const auto count = std::ranges::count(machines_, digest, &Simulated::running);
    return 100.0 * static_cast<double>(count) / static_cast<double>(kMachines);
  }

  [[nodiscard]] const std::vector<Simulated>& machines() const { return machines_; }

  Publisher& publisher() { return publisher_; }

  [[nodiscard]] std::size_t fetched() const { return fetched_; }

 private:
  // When `ros upgrade --unattended` asks its channel next: the timer starts it once an hour, unless
  // it still waits for its turn.
  [[nodiscard]] UnixTime NextAsk(const Simulated& machine, UnixTime after) const {
    auto started = after - after % kHour + machine.minute * 60;
    while (true) {
      started += started > after ? 0 : kHour;
      if (const auto turn = FindTurn(settings_, machine.id, started); turn.wait) {
        return started + turn.wait->count();
      }
      started += kHour;
    }
  }

  // What it does then, until an image is fetched.
  void Ask(Simulated& machine, UnixTime now) {
    const auto& document = Fetch(machine, now);
    const auto choice =
        trust::ChooseRelease(document.channel, {.machine = machine.id, .running = machine.running});
    if (!document.channel.halted) {
      machine.memory["stable"] = {.serial = document.channel.serial, .digest = document.digest};
    }
    if (choice.choice == Choice::kTake) {
      machine.running = choice.release.digest.ToString();
      machine.upgraded = now;
    }
  }

  const trust::ShownChannel& Fetch(const Simulated& machine, UnixTime now) {
    if (turns_++ % kAskEach == 0 || shown_.channel.serial != publisher_.channel().serial) {
      auto rules = publisher_.rules();
      rules.now = now;
      shown_ = OpenFreshChannel(DocumentOf(ParseFollowedChannel(settings_.channel),
                                           ChannelRegistry::connection()),
                                rules,
                                machine.memory)
                   .shown;
      ++fetched_;
    }
    // Each machine judges by what it has accepted itself, whoever has fetched it.
    const auto known = machine.memory.find("stable");
    trust::RequireAll(trust::JudgeFreshness(
        publisher_.rules().policy.restrictions,
        shown_,
        known == machine.memory.end() ? std::nullopt : std::optional(known->second),
        now));
    return shown_;
  }

  config::UpgradeSettings settings_;
  ChannelRegistry registry_;
  Publisher publisher_{registry_};
  std::vector<Simulated> machines_ = MakeMachines(keys::Sha256Of(AsBytes("1")).ToString());
  trust::ShownChannel shown_;
  std::size_t turns_ = 0;
  std::size_t fetched_ = 0;
};

UnixTime LastUpgrade(const Fleet& fleet) {
  return std::ranges::max(fleet.machines(), {}, &Simulated::upgraded).upgraded;
}

}  // namespace

TEST_CASE("a roll-out: 1, 10, 50 and 100 % of a thousand machines", "[installer]") {
  Fleet fleet({.window = config::ParseUpgradeWindow("always"), .delay = std::chrono::hours(2)});
  auto until = kBegin;
  for (const std::uint32_t share : {1U, 10U, 50U, 100U}) {
    fleet.publisher().Release("2", share);
    until += 6 * kHour;
    fleet.RunUntil(until);
    INFO(share << " %");
    CHECK(fleet.PercentOn("2") == Approx(share).margin(2));
    CHECK(fleet.PercentOn("1") + fleet.PercentOn("2") == Approx(100));
  }
  CHECK(fleet.PercentOn("2") == 100);
  const auto fetched = fleet.fetched();
  CHECK(fetched > 4);
}

TEST_CASE("a roll-out: after a halt none upgrades, and what is withdrawn nobody takes",
          "[installer]") {
  Fleet fleet({.window = config::ParseUpgradeWindow("always"), .delay = std::chrono::hours(2)});
  fleet.publisher().Release("2", 10);
  fleet.RunUntil(kBegin + 6 * kHour);
  CHECK(fleet.PercentOn("2") == Approx(10).margin(2));
  fleet.publisher().Release("2", 50);
  // In the middle: not all of the half have asked since.
  const auto halt = kBegin + 7 * kHour;
  fleet.RunUntil(halt);
  const auto before = fleet.PercentOn("2");
  CHECK(before > 15);
  CHECK(before < 45);
  fleet.publisher().Halt(true);
  fleet.RunUntil(halt + kDay);
  CHECK(fleet.PercentOn("2") == before);
  CHECK(LastUpgrade(fleet) < halt);
  // Resumed without the version: who has it keeps it, nobody else takes it.
  fleet.publisher().Release("2", 0);
  fleet.publisher().Halt(false);
  fleet.RunUntil(halt + kDay + 6 * kHour);
  CHECK(fleet.PercentOn("2") == before);
  CHECK(LastUpgrade(fleet) < halt);
  // And leaves it forwards.
  fleet.publisher().Release("3", 100);
  fleet.RunUntil(halt + kDay + 12 * kHour);
  CHECK(fleet.PercentOn("3") == 100);
}

TEST_CASE("a roll-out: within the window alone, and spread over the delay", "[installer]") {
  Fleet fleet(
      {.window = config::ParseUpgradeWindow("22:00-02:00"), .delay = std::chrono::hours(2)});
  const auto noon = kBegin + 12 * kHour;
  fleet.RunUntil(noon);
  fleet.publisher().Release("2", 100);
  fleet.RunUntil(noon + kDay);
  CHECK(fleet.PercentOn("2") == 100);
  std::map<UnixTime, std::size_t> upgrades;
  for (const auto& machine : fleet.machines()) {
    ++upgrades[machine.upgraded % kDay / kHour];
  }
  CHECK(upgrades.size() == 2);
  CHECK(upgrades[22] + upgrades[23] == kMachines);
  CHECK(upgrades[22] > kMachines * 45 / 100);
  CHECK(upgrades[23] > kMachines * 45 / 100);
}

}  // namespace ros::installer
