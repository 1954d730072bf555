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
  SlotImage image = {.slot = SlotId::kB, .version = "2", .digest = "sha256:22", .epoch = 7};

  explicit Story(const BootState& boot) : store(boot) {}

  [[nodiscard]] TrialMeans Means(SlotId running) {
    return {
        .store = store, .state = state.path(), .clock = clock, .running = running, .image = image};
  }

  [[nodiscard]] std::vector<health::JournalEntry> Journal() const {
    return health::Journal(state.path(), clock).Read();
  }
};

constexpr BootState kRunningTrial = {SlotId::kA, Trial{SlotId::kB, 2, true}};

}  // namespace

TEST_CASE("CommitTrial: the trial is good, in both copies, journal and epoch", "[installer]") {
  Story story(kRunningTrial);
  CHECK(CommitTrial(story.Means(SlotId::kB)).empty());
  CHECK(story.store.state() == BootState{.good = SlotId::kB});
  CHECK(story.store.mirrored() == SlotId::kB);
  CHECK(memory::EpochFloor(story.state.path()) == 7);
  CHECK(story.Journal().at(0).event == health::JournalEvent::kCommitted);
  memory::RaiseEpochFloor(story.state.path(), 3);
  CHECK(memory::EpochFloor(story.state.path()) == 7);
}

TEST_CASE("FailTrial: the digest is on the bad list and the good slot boots", "[installer]") {
  Story story(kRunningTrial);
  const auto troubles = FailTrial(story.Means(SlotId::kB),
                                  {.cause = health::RollbackCause::kReporterFailed,
                                   .reporter = "web",
                                   .reason = "web failed: no answer"});
  CHECK(troubles.empty());
  CHECK(story.store.state() == BootState{.good = SlotId::kA});
  CHECK(health::FindBadImage(story.state.path(), "sha256:22")->reason == "web failed: no answer");
  CHECK(story.Journal().at(0).reporter == "web");
}

TEST_CASE("CommitTrial, FailTrial: a memory that cannot be written changes no verdict",
          "[installer]") {
  Story story(kRunningTrial);
  for (const auto* name : {"journal", "bad.json", "epoch"}) {
    std::filesystem::create_directory(story.state.path() / name);
  }
  SECTION("good is good") {
    CHECK(CommitTrial(story.Means(SlotId::kB)).size() == 3);
    CHECK(story.store.state() == BootState{.good = SlotId::kB});
    CHECK(story.store.mirrored() == SlotId::kB);
  }
  SECTION("bad is bad") {
    CHECK(FailTrial(story.Means(SlotId::kB), {.reason = "web failed"}).size() == 1);
    CHECK(story.store.state() == BootState{.good = SlotId::kA});
  }
}

TEST_CASE("RecordGood: makes up for a commit that was cut short, once", "[installer]") {
  Story story({.good = SlotId::kB});
  for (int boot = 0; boot < 2; ++boot) {
    CHECK(RecordGood(story.state.path(), story.clock, story.image).empty());
    CHECK(memory::EpochFloor(story.state.path()) == 7);
    CHECK(story.Journal().size() == 1);
    CHECK(WasGood(story.Journal(), SlotId::kB, "sha256:22"));
  }
}

TEST_CASE("RecordGood: what is good is not bad", "[installer]") {
  Story story({.good = SlotId::kB});
  for (const auto* digest : {"sha256:22", "sha256:33"}) {
    health::AddBadImage(story.state.path(), {.digest = digest, .version = "2", .reason = "x"});
  }
  CHECK(RecordGood(story.state.path(), story.clock, story.image).empty());
  CHECK_FALSE(health::FindBadImage(story.state.path(), "sha256:22"));
  CHECK(health::FindBadImage(story.state.path(), "sha256:33"));
}

TEST_CASE("ImageOf: a slot whose files were lost is known by the journal", "[installer]") {
  using health::JournalEvent;
  const std::vector<health::JournalEntry> entries = {
      {.event = JournalEvent::kInstalled,
       .slot = SlotId::kA,
       .version = "1",
       .digest = "sha256:11"},
      {.event = JournalEvent::kTrialStarted,
       .slot = SlotId::kB,
       .version = "2",
       .digest = "sha256:22"},
      {.event = JournalEvent::kInitReached, .slot = SlotId::kB}};
  const auto lost = ImageOf({.slot = SlotId::kB}, entries);
  CHECK(lost.version == "2");
  CHECK(lost.digest == "sha256:22");
  const SlotContent there = {.slot = SlotId::kB, .complete = true, .digest = "sha256:33"};
  CHECK(ImageOf(there, entries).digest == "sha256:33");
  CHECK(ImageOf({.slot = SlotId::kB}, {}).digest.empty());
}

TEST_CASE("IsOnTrial: booted as one, and not judged since", "[installer]") {
  const health::BootArguments as_trial{.slot = SlotId::kB, .trial = 2};
  CHECK(IsOnTrial(as_trial, kRunningTrial));
  CHECK_FALSE(IsOnTrial(as_trial, {.good = SlotId::kB}));
  CHECK_FALSE(IsOnTrial(as_trial, {.good = SlotId::kA}));
  CHECK_FALSE(IsOnTrial({.slot = SlotId::kB}, kRunningTrial));
  CHECK_FALSE(IsOnTrial({.slot = SlotId::kA}, kRunningTrial));
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
    const auto settled = SettleFailedTrial(story.Means(SlotId::kA), one.fell);
    CHECK(settled.has_value() == one.cause.has_value());
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
  try {
    PlanRollback(facts, {});
    FAIL("a damaged root was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kVerification);
  }
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
  const health::JournalEntry installed{
      .event = JournalEvent::kInstalled, .slot = SlotId::kA, .digest = "sha256:1"};
  const health::JournalEntry rewritten{
      .event = JournalEvent::kUpgradeIntent, .slot = SlotId::kA, .digest = "sha256:3"};
  const health::JournalEntry elsewhere{
      .event = JournalEvent::kUpgradeIntent, .slot = SlotId::kB, .digest = "sha256:2"};
  CHECK(WasGood({installed}, SlotId::kA, "sha256:1"));
  CHECK(WasGood({installed, elsewhere}, SlotId::kA, "sha256:1"));
  CHECK_FALSE(WasGood({installed, rewritten}, SlotId::kA, "sha256:1"));
  CHECK_FALSE(WasGood({installed}, SlotId::kA, "sha256:2"));
  CHECK_FALSE(WasGood({}, SlotId::kA, "sha256:1"));
}

}  // namespace ros::installer
