// A thousand machines that follow a channel, from the first percent to the halt: simulated are time
// and machines; the document, its signature, its judgement, the choice, the client, the image and
// what is written of it are real, and so is the server, on the loopback.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "images/root_writer.hpp"
#include "images/verify_root.hpp"
#include "installer/followed_channel.hpp"
#include "installer/trusted_image.hpp"
#include "installer/unattended.hpp"
#include "tests/installer/support/channel_registry.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/support/memory_disk.hpp"

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
// Of so many machines that take an image, one fetches and writes it.
constexpr std::size_t kFetchEach = 10;

struct Simulated {
  std::string id;
  int minute = 0;     // of the timer
  int speed = 0;      // by which it writes
  UnixTime asks = 0;  // when it asks next
  std::string running;
  std::string written;  // in the other slot, to be armed when it asks next; empty for nothing
  ChannelMemory memory;
  UnixTime began = 0;
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
    machine.speed = static_cast<int>(random() % 10'000);
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
                .releases = {{.version = "1", .digest = PushImage("1")}}};
    rules_.policy.keys.push_back({.name = "release",
                                  .role = "release",
                                  .key = shelf_.trust().keys().front(),
                                  .valid_from = std::nullopt,
                                  .valid_until = std::nullopt});
    Publish();
  }

  void Release(const std::string& version, std::uint32_t share) {
    if (channel_.releases.back().version != version) {
      channel_.releases.push_back(
          {.version = version, .digest = PushImage(version), .share = share});
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
  keys::Digest PushImage(const std::string& version) {
    const auto image = shelf_.Make(version);
    registry_.Push(*image.source, version);
    return image.image.manifest.digest;
  }

  void Publish() {
    ++channel_.serial;
    registry_.Publish(channel_, key_);
  }

  ChannelRegistry& registry_;
  testing::ImageShelf shelf_;
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
  // Machines write for so many minutes at most.
  explicit Fleet(config::UpgradeSettings settings, int slowest = 40)
      : settings_(std::move(settings)), slowest_(slowest) {
    settings_.channel = registry_.repository() + ":stable";
  }

  // Up to `until`, from where it stopped. Machines know nothing of each other, so each runs alone.
  void RunUntil(UnixTime until) {
    for (auto& machine : machines_) {
      machine.asks = std::max(machine.asks, NextAsk(machine, kBegin));
      while (machine.asks < until) {
        const auto now = machine.asks;
        if (!machine.written.empty()) {
          Arm(machine, now);
        } else if (Ask(machine, now)) {
          machine.asks = now + (1 + machine.speed % slowest_) * 60;
          continue;
        }
        machine.asks = NextAsk(machine, now);
      }
    }
  }

  [[nodiscard]] double PercentOn(const std::string& version) const {
    const auto is_that = [&](const trust::Release& release) { return release.version == version; };
    const auto& releases = publisher_.channel().releases;
    const auto release = std::ranges::find_if(releases, is_that);
    REQUIRE(release != releases.end());
    const auto count =
        std::ranges::count(machines_, release->digest.ToString(), &Simulated::running);
    return 100.0 * static_cast<double>(count) / static_cast<double>(kMachines);
  }

  // How many have written an image that they do not run yet.
  [[nodiscard]] std::size_t CountWritten() const {
    return kMachines - static_cast<std::size_t>(
                           std::ranges::count(machines_, std::string(), &Simulated::written));
  }

  [[nodiscard]] const std::vector<Simulated>& machines() const { return machines_; }

  Publisher& publisher() { return publisher_; }

  // Documents and images that were fetched.
  [[nodiscard]] std::size_t fetched() const { return fetched_; }

  [[nodiscard]] std::size_t written() const { return written_; }

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

  // What its channel has for it.
  trust::ReleaseChoice Choose(Simulated& machine, UnixTime now) {
    const auto& document = Fetch(machine, now);
    machine.memory["stable"] = {.serial = document.channel.serial, .digest = document.digest};
    return trust::ChooseRelease(document.channel,
                                {.machine = machine.id, .running = machine.running});
  }

  // What it does then; true where it has begun to write an image.
  bool Ask(Simulated& machine, UnixTime now) {
    const auto choice = Choose(machine, now);
    if (choice.choice != Choice::kTake) {
      return false;
    }
    if (taken_++ % kFetchEach == 0) {
      Write(choice.release, now);
    }
    machine.began = now;
    machine.written = choice.release.digest.ToString();
    return true;
  }

  // What it does when that is written, or at its next turn where the window has closed by then: it
  // is run only if the channel has it still.
  void Arm(Simulated& machine, UnixTime now) {
    if (!FindRestartObstacle(settings_, now).empty()) {
      return;
    }
    const auto written = std::exchange(machine.written, {});
    const auto choice = Choose(machine, now);
    if (choice.choice == Choice::kTake && choice.release.digest.ToString() == written) {
      machine.running = written;
      machine.upgraded = now;
    }
  }

  // Fetches the image, and writes its root to a slot.
  void Write(const trust::Release& release, UnixTime now) {
    constexpr Bytes kSlot = Bytes{1} << 20U;
    auto rules = publisher_.rules();
    rules.now = now;
    rules.channel = shown_;
    NoProgress progress;
    const auto opened = OpenTrustedImage(
        ImageOf(ParseFollowedChannel(settings_.channel), release, ChannelRegistry::connection()),
        rules,
        images::SignaturePolicy::kRequired,
        progress);
    const Region slot(std::make_shared<testing::MemoryDisk>(kSlot), 0, kSlot);
    images::WriteRoot(*opened.source, opened.image, slot, progress);
    images::VerifyRoot(slot, opened.image.config.root, progress);
    CHECK(opened.image.config.version == release.version);
    ++written_;
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
  int slowest_;
  ChannelRegistry registry_;
  Publisher publisher_{registry_};
  std::vector<Simulated> machines_ =
      MakeMachines(publisher_.channel().releases.front().digest.ToString());
  trust::ShownChannel shown_;
  std::size_t turns_ = 0;
  std::size_t fetched_ = 0;
  std::size_t taken_ = 0;
  std::size_t written_ = 0;
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
  CHECK(fleet.fetched() > 4);
  CHECK(fleet.written() == kMachines / kFetchEach);
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
  INFO("with machines that have written the version already");
  CHECK(fleet.CountWritten() > 10);
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
  Fleet fleet({.window = config::ParseUpgradeWindow("22:00-02:00"), .delay = std::chrono::hours(2)},
              180);
  const auto noon = kBegin + 12 * kHour;
  fleet.RunUntil(noon);
  fleet.publisher().Release("2", 100);
  fleet.RunUntil(noon + kDay);
  INFO("who had written when the window closed runs it the next night");
  const auto late = fleet.CountWritten();
  CHECK(late > 10);
  CHECK(fleet.PercentOn("2") == 100.0 * static_cast<double>(kMachines - late) / kMachines);
  fleet.RunUntil(noon + 2 * kDay);
  CHECK(fleet.PercentOn("2") == 100);
  std::map<UnixTime, std::size_t> upgrades;
  for (const auto& machine : fleet.machines()) {
    ++upgrades[machine.began % kDay / kHour];
    const auto hour = machine.upgraded % kDay / kHour;
    CHECK((hour >= 22 || hour < 2));
  }
  CHECK(upgrades.size() == 2);
  CHECK(upgrades[22] + upgrades[23] == kMachines);
  CHECK(upgrades[22] > kMachines * 45 / 100);
  CHECK(upgrades[23] > kMachines * 45 / 100);
}

}  // namespace ros::installer
