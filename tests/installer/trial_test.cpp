#include "installer/trial.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/bad_list.hpp"
#include "health/journal.hpp"
#include "installer/machine.hpp"
#include "installer/rollback.hpp"

namespace ros::installer {
namespace {

using bootloader::BootState;
using bootloader::Trial;

// Boot state in memory.
class FakeStore final : public bootloader::BootStateStore {
 public:
  explicit FakeStore(const BootState& state) : state_(state), mirrored_(state.good) {}

  [[nodiscard]] bootloader::LoadedState Load() const override {
    return {.first = {state_, ""}, .second = {BootState{.good = mirrored_}, ""}};
  }

  void Store(const BootState& state) override { state_ = state; }

  void MirrorGood() override { mirrored_ = state_.good; }

  [[nodiscard]] SlotId mirrored() const { return mirrored_; }

  [[nodiscard]] const BootState& state() const { return state_; }

 private:
  BootState state_;
  SlotId mirrored_;
};

struct Story {
  TempDirectory state;
  SystemClock clock;
  FakeStore store;
  SlotContent content;

  explicit Story(const BootState& boot) : store(boot) {
    images::ImageConfig config;
    config.version = "2";
    config.epoch = 7;
    content = {.slot = SlotId::kB, .complete = true, .digest = "sha256:22", .config = config};
  }

  [[nodiscard]] TrialMeans Means(SlotId running) {
    return {.store = store,
            .state = state.path(),
            .clock = clock,
            .running = running,
            .content = content};
  }

  [[nodiscard]] std::vector<health::JournalEntry> Journal() const {
    return health::Journal(state.path(), clock).Read();
  }
};

constexpr BootState kRunningTrial = {SlotId::kA, Trial{SlotId::kB, 2, true}};

}  // namespace

TEST_CASE("CommitTrial: the trial is good, in both copies, journal and epoch", "[installer]") {
  Story story(kRunningTrial);
  CommitTrial(story.Means(SlotId::kB));
  CHECK(story.store.state() == BootState{.good = SlotId::kB});
  CHECK(story.store.mirrored() == SlotId::kB);
  CHECK(memory::EpochFloor(story.state.path()) == 7);
  CHECK(story.Journal().at(0).event == health::JournalEvent::kCommitted);
  memory::RaiseEpochFloor(story.state.path(), 3);
  CHECK(memory::EpochFloor(story.state.path()) == 7);
}

TEST_CASE("FailTrial: the digest is on the bad list and the good slot boots", "[installer]") {
  Story story(kRunningTrial);
  FailTrial(story.Means(SlotId::kB),
            {.cause = health::RollbackCause::kReporterFailed,
             .reporter = "web",
             .reason = "web failed: no answer"});
  CHECK(story.store.state() == BootState{.good = SlotId::kA});
  CHECK(health::FindBadImage(story.state.path(), "sha256:22")->reason == "web failed: no answer");
  CHECK(story.Journal().at(0).reporter == "web");
}

TEST_CASE("SettleFailedTrial: closes what ended without a verdict, and nothing else",
          "[installer]") {
  struct Case {
    const char* what;
    BootState state;
    std::optional<SlotId> fell;
    std::optional<health::RollbackCause> cause;
  };

  const Case cases[] = {
      {"no trial", {SlotId::kA, std::nullopt}, std::nullopt, std::nullopt},
      {"waits for its first boot",
       {SlotId::kA, Trial{SlotId::kB, 3, false}},
       std::nullopt,
       std::nullopt},
      {"tries used up",
       {SlotId::kA, Trial{SlotId::kB, 0, true}},
       std::nullopt,
       health::RollbackCause::kTriesUsedUp},
      {"did not load",
       {SlotId::kA, Trial{SlotId::kB, 2, true}},
       SlotId::kB,
       health::RollbackCause::kLoaderFellBack},
      {"has tries left", {SlotId::kA, Trial{SlotId::kB, 2, true}}, std::nullopt, std::nullopt}};
  for (const auto& one : cases) {
    CAPTURE(one.what);
    Story story(one.state);
    const auto reason = SettleFailedTrial(story.Means(SlotId::kA), one.fell);
    CHECK(reason.has_value() == one.cause.has_value());
    CHECK(health::FindBadImage(story.state.path(), "sha256:22").has_value() ==
          one.cause.has_value());
    if (one.cause) {
      CHECK(story.store.state() == BootState{.good = SlotId::kA});
      CHECK(story.Journal().at(0).cause == one.cause);
    } else {
      CHECK(story.store.state() == one.state);
    }
  }
}

TEST_CASE("PlanRollback: goes back only to a slot that was good and is sound", "[installer]") {
  RollbackFacts facts{.state = {.good = SlotId::kB},
                      .running = SlotId::kB,
                      .leaving = {.slot = SlotId::kB, .complete = true},
                      .target = {.slot = SlotId::kA, .complete = true},
                      .was_good = true,
                      .verity_sound = true};
  const auto plan = PlanRollback(facts, {});
  CHECK(plan.kind == RollbackKind::kReturn);
  CHECK(plan.after == BootState{.good = SlotId::kA});
  CHECK(plan.reboot);
  facts.was_good = false;
  CHECK_THROWS_AS(PlanRollback(facts, {}), Error);
  facts.was_good = true;
  facts.verity_sound = false;
  CHECK_THROWS_AS(PlanRollback(facts, {}), Error);
}

TEST_CASE("PlanRollback: gives up a trial, running or pending", "[installer]") {
  RollbackFacts facts{.state = kRunningTrial, .running = SlotId::kB};
  CHECK(PlanRollback(facts, {}).kind == RollbackKind::kGiveUpRunningTrial);
  facts.running = SlotId::kA;
  const auto pending = PlanRollback(facts, {});
  CHECK(pending.kind == RollbackKind::kGiveUpPendingTrial);
  CHECK_FALSE(pending.reboot);
  CHECK(pending.after == BootState{.good = SlotId::kA});
}

TEST_CASE("WasGood: the journal's last word on what a slot holds counts", "[installer]") {
  using health::JournalEvent;
  const SlotContent content{.slot = SlotId::kA, .complete = true, .digest = "sha256:1"};
  const health::JournalEntry installed{
      .event = JournalEvent::kInstalled, .slot = SlotId::kA, .digest = "sha256:1"};
  const health::JournalEntry rewritten{
      .event = JournalEvent::kUpgradeIntent, .slot = SlotId::kA, .digest = "sha256:3"};
  const health::JournalEntry elsewhere{
      .event = JournalEvent::kUpgradeIntent, .slot = SlotId::kB, .digest = "sha256:2"};
  CHECK(WasGood({installed}, content));
  CHECK(WasGood({installed, elsewhere}, content));
  CHECK_FALSE(WasGood({installed, rewritten}, content));
  CHECK_FALSE(WasGood({}, content));
}

}  // namespace ros::installer
