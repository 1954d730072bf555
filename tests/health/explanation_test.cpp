#include "health/explanation.hpp"

#include <catch2/catch.hpp>

namespace ros::health {
namespace {

using Entries = std::vector<JournalEntry>;
using enum JournalEvent;
using enum SlotId;

JournalEntry Entry(JournalEvent event, SlotId slot, std::string version, std::string boot) {
  return {.time = 1'770'000'000,
          .event = event,
          .slot = slot,
          .version = std::move(version),
          .boot_id = std::move(boot)};
}

JournalEntry RolledBack(RollbackCause cause, std::string reason) {
  auto entry = Entry(kRolledBack, kB, "2.0", "2");
  entry.cause = cause;
  entry.reason = std::move(reason);
  return entry;
}

const Entries kInstalledOnly = {Entry(kInstalled, kA, "1.0", "0")};
const Entries kArmed = {Entry(kInstalled, kA, "1.0", "0"),
                        Entry(kUpgradeIntent, kB, "2.0", "1"),
                        Entry(kTrialStarted, kB, "2.0", "1")};

Entries With(Entries entries, const Entries& more) {
  entries.insert(entries.end(), more.begin(), more.end());
  return entries;
}

struct Case {
  std::string name;
  Entries entries;
  RunningFacts facts;
  Why why;
  std::string sentence;  // a part of it
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"empty journal", {}, {.slot = kA}, Why::kUnknown, "the journal does not say why"},
      {"fresh",
       kInstalledOnly,
       {.slot = kA},
       Why::kFreshInstall,
       "slot a (1.0) is running because"},
      {"trial comes next",
       kArmed,
       {.slot = kA, .boot_id = "1", .pending = kB, .pending_tries = 3},
       Why::kTrialPending,
       "slot b (2.0) is tried at the next boot"},
      {"committed in this boot, and the next trial is armed",
       With(kArmed,
            {Entry(kCommitted, kB, "2.0", "2"),
             Entry(kUpgradeIntent, kA, "3.0", "2"),
             Entry(kTrialStarted, kA, "3.0", "2")}),
       {.slot = kB, .boot_id = "2", .trial = 2, .pending = kA, .pending_tries = 3},
       Why::kTrialPending,
       "slot a (3.0) is tried at the next boot"},
      {"on trial",
       kArmed,
       {.slot = kB, .boot_id = "2", .trial = 2, .pending = kB, .pending_tries = 2},
       Why::kOnTrial,
       "slot b (2.0) is running on trial, with 2 tries left"},
      {"committed in this boot",
       With(kArmed, {Entry(kCommitted, kB, "2.0", "2")}),
       {.slot = kB, .boot_id = "2", .trial = 2, .good = kB},
       Why::kCommitted,
       "slot b (2.0) is running because it was committed at 2026-02-02T"},
      {"committed",
       With(kArmed, {Entry(kCommitted, kB, "2.0", "2")}),
       {.slot = kB, .boot_id = "3", .good = kB},
       Why::kCommitted,
       "was committed"},
      {"committed, yet the other runs",
       With(kArmed, {Entry(kCommitted, kB, "2.0", "2")}),
       {.slot = kA, .boot_id = "3", .good = kB},
       Why::kUnknown,
       "although slot b (2.0) was committed"},
      {"verdict, not yet rebooted",
       With(kArmed, {RolledBack(RollbackCause::kReporterFailed, "web failed: no answer")}),
       {.slot = kB, .boot_id = "2", .trial = 2},
       Why::kReporterFailed,
       "is about to be left: web failed: no answer"},
      {"a reporter failed",
       With(kArmed, {RolledBack(RollbackCause::kReporterFailed, "web failed: no answer")}),
       {.slot = kA, .boot_id = "3"},
       Why::kReporterFailed,
       "slot a (1.0) is running because slot b (2.0) was rolled back at 2026-02-02T02:40:00Z: web"},
      {"deadline",
       With(kArmed, {RolledBack(RollbackCause::kDeadline, "after 60 s: web did not report in")}),
       {.slot = kA, .boot_id = "3"},
       Why::kDeadline,
       "web did not report in"},
      {"tries used up, no mark",
       kArmed,
       {.slot = kA, .boot_id = "5", .pending = kB, .pending_tries = 0},
       Why::kTriesUsedUp,
       "never reached init"},
      {"tries used up, reached init",
       With(kArmed, {Entry(kInitReached, kB, "", "2"), Entry(kInitReached, kB, "", "3")}),
       {.slot = kA, .boot_id = "5"},
       Why::kTriesUsedUp,
       "reached init, but not user space"},
      {"tries used up, reached user space, told by the journal",
       With(kArmed,
            {Entry(kInitReached, kB, "", "2"),
             Entry(kUserSpaceReached, kB, "", "2"),
             Entry(kInitReached, kA, "", "3"),
             RolledBack(RollbackCause::kTriesUsedUp, "")}),
       {.slot = kA, .boot_id = "5"},
       Why::kTriesUsedUp,
       "reached user space, but the gate never decided"},
      {"fell back in this boot",
       kArmed,
       {.slot = kA, .boot_id = "2", .fell_from = kB, .pending = kB, .pending_tries = 2},
       Why::kLoaderFellBack,
       "could not use the kernel or initrd of slot b (2.0)"},
      {"fell back earlier",
       With(kArmed, {RolledBack(RollbackCause::kLoaderFellBack, "")}),
       {.slot = kA, .boot_id = "3"},
       Why::kLoaderFellBack,
       "could not use the kernel or initrd of slot b (2.0), noticed at"},
      {"between tries",
       With(kArmed, {Entry(kInitReached, kB, "", "2")}),
       {.slot = kA, .boot_id = "3", .pending = kB, .pending_tries = 1},
       Why::kBetweenTries,
       "although slot b (2.0) has 1 tries left"},
      {"by hand",
       With(
           kArmed,
           {Entry(kCommitted, kB, "2.0", "2"), RolledBack(RollbackCause::kByHand, "ros rollback")}),
       {.slot = kA, .boot_id = "3"},
       Why::kByHand,
       "slot b (2.0) was left by hand"},
      {"by hand, not yet rebooted",
       With(
           kArmed,
           {Entry(kCommitted, kB, "2.0", "2"), RolledBack(RollbackCause::kByHand, "ros rollback")}),
       {.slot = kB, .boot_id = "2"},
       Why::kByHand,
       "the next boot goes back to slot a"},
      {"a dropped trial decides nothing",
       With(kArmed, {Entry(kTrialAbandoned, kB, "2.0", "1")}),
       {.slot = kA, .boot_id = "1"},
       Why::kFreshInstall,
       "was installed"},
      {"committed, but the entry was lost",
       kArmed,
       {.slot = kB, .boot_id = "4", .good = kB},
       Why::kCommitted,
       "succeeded"},
  };
  return cases;
}

TEST_CASE("Explain: tells why from either slot", "[health]") {
  for (const auto& row : Cases()) {
    INFO(row.name);
    const auto explanation = Explain(row.entries, row.facts);
    CHECK(Name(explanation.why) == Name(row.why));
    CHECK_THAT(explanation.sentence, Catch::Contains(row.sentence));
  }
}

TEST_CASE("Explain: adds what ros-init and the gate had to say", "[health]") {
  auto failure = Entry(GENERATE(kEarlyFailure, kGateFailed), kB, "", "2");
  failure.reason = "verity device corrupted";
  const auto explanation = Explain(With(kArmed, {failure}), {.slot = kA, .boot_id = "5"});
  REQUIRE(explanation.details.size() == 2);
  CHECK(explanation.details[1] == "2026-02-02T02:40:00Z: slot b: verity device corrupted");
}

TEST_CASE("Explain: adds what was wrong with what this boot was started from", "[health]") {
  auto reached = Entry(JournalEvent::kInitReached, kA, "", "5");
  reached.reason = "the kernel arguments of slot a name another root";
  const auto details = [&](std::optional<BootCheck> check, const std::string& boot) {
    reached.boot_check = check;
    return Explain(With(kArmed, {reached}), {.slot = kA, .boot_id = boot}).details;
  };
  const auto told = details(BootCheck::kSignedRootUsed, "5");
  REQUIRE_FALSE(told.empty());
  CHECK_THAT(told.back(), Catch::Contains(reached.reason));
  // All well, another boot, no check.
  CHECK(details(BootCheck::kVerified, "5").size() + 1 == told.size());
  CHECK(details(BootCheck::kNotVerified, "6").size() + 1 == told.size());
  CHECK(details(std::nullopt, "5").size() + 1 == told.size());
}

}  // namespace
}  // namespace ros::health
