#include "bootloader/boot_state.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::bootloader {
namespace {

constexpr BootState kGoodA{.good = SlotId::kA};
constexpr BootState kGoodB{.good = SlotId::kB};
constexpr SlotHistory kSound{.was_good = true, .complete = true, .verity_sound = true};

BootState TrialOfB(int tries, bool started) {
  return {.good = SlotId::kA,
          .trial = Trial{.slot = SlotId::kB, .tries_left = tries, .started = started}};
}

// The message of the refusal, empty when there was none.
template <typename Work>
std::string Refusal(Work&& work, ErrorKind kind = ErrorKind::kRefused) {
  try {
    work();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("StartTrial: puts the other slot on trial", "[bootloader]") {
  CHECK(StartTrial(kGoodA, SlotId::kA, SlotId::kB, 3) == TrialOfB(3, false));
  CHECK(StartTrial(kGoodA, SlotId::kA, Target(kGoodA), 9) == TrialOfB(9, false));
}

TEST_CASE("StartTrial: refuses the good slot", "[bootloader]") {
  CHECK(Refusal([] { StartTrial(kGoodA, SlotId::kA, SlotId::kA, 3); }) ==
        "slot a is the good slot and cannot be put on trial");
}

TEST_CASE("StartTrial: refuses when the good slot is not running", "[bootloader]") {
  CHECK(Refusal([] { StartTrial(kGoodA, SlotId::kB, SlotId::kB, 3); }) ==
        "running from slot b while slot a is the good slot; reboot into the good slot first");
}

TEST_CASE("StartTrial: refuses while a trial is pending, used up or not", "[bootloader]") {
  for (const int tries : {0, 2}) {
    CHECK(Refusal([&] { StartTrial(TrialOfB(tries, true), SlotId::kA, SlotId::kB, 3); }) ==
          "slot b is on trial; commit or abandon that trial first");
  }
}

TEST_CASE("StartTrial: refuses tries that GRUB cannot count", "[bootloader]") {
  for (const int tries : {-1, 0, 10}) {
    CHECK_THROWS_WITH(StartTrial(kGoodA, SlotId::kA, SlotId::kB, tries),
                      "a trial has 1 to 9 tries, not " + std::to_string(tries));
  }
}

TEST_CASE("Commit: the running trial becomes the good slot", "[bootloader]") {
  CHECK(Commit(TrialOfB(2, true), SlotId::kB) == kGoodB);
  CHECK(Commit(TrialOfB(0, true), SlotId::kB) == kGoodB);
}

TEST_CASE("Commit: refuses without a trial, from another slot, before it started", "[bootloader]") {
  CHECK(Refusal([] { Commit(kGoodA, SlotId::kA); }) ==
        "no trial is pending; there is nothing to commit");
  CHECK(Refusal([] { Commit(TrialOfB(2, true), SlotId::kA); }) ==
        "slot b is on trial and slot a is running; only a running trial can be committed");
  CHECK(Refusal([] { Commit(TrialOfB(3, false), SlotId::kB); }) ==
        "slot b was not started as a trial; reboot to try it");
}

TEST_CASE("TakeTry: what the boot loader would store", "[bootloader]") {
  for (const bool started : {false, true}) {
    for (int tries = 1; tries <= kMaximumTries; ++tries) {
      const auto state = TrialOfB(tries, started);
      CHECK(TakeTry(state) == TrialOfB(tries - 1, true));
      CHECK(TakeTry(state) == NextBoot(state, {.a = true, .b = true}).after);
    }
  }
  CHECK(Refusal([] { TakeTry(kGoodA); }) == "no trial is pending; there is nothing to try");
  CHECK(Refusal([] { TakeTry(TrialOfB(0, true)); }) == "the tries of slot b are used up");
}

TEST_CASE("Abandon: keeps the good slot", "[bootloader]") {
  CHECK(Abandon(TrialOfB(0, true)) == kGoodA);
  CHECK(Abandon(TrialOfB(3, false)) == kGoodA);
  CHECK(Refusal([] { Abandon(kGoodA); }) == "no trial is pending; there is nothing to abandon");
}

TEST_CASE("Rollback: goes to a sound slot that was good", "[bootloader]") {
  CHECK(Rollback(kGoodB, SlotId::kA, kSound) == kGoodA);
}

TEST_CASE("Rollback: refuses what would not boot or was never good", "[bootloader]") {
  const auto refusal = [](SlotHistory history) {
    return Refusal([&] { Rollback(kGoodB, SlotId::kA, history); });
  };
  CHECK(refusal({.complete = true, .verity_sound = true}) ==
        "slot a has not been good since it was written; there is nothing to roll back to");
  CHECK(refusal({.was_good = true, .verity_sound = true}) ==
        "slot a is not complete; there is nothing to roll back to");
  CHECK(Refusal([] { Rollback(kGoodB, SlotId::kA, {.was_good = true, .complete = true}); },
                ErrorKind::kVerification) ==
        "the root of slot a is damaged; rolling back to it would not boot");
  CHECK(Refusal([] { Rollback(kGoodB, SlotId::kB, kSound); }) == "slot b is the good slot already");
  CHECK(Refusal([] { Rollback(TrialOfB(1, true), SlotId::kB, kSound); }) ==
        "slot b is on trial; commit or abandon that trial first");
}

TEST_CASE("NextBoot: takes a try of the trial", "[bootloader]") {
  CHECK(NextBoot(TrialOfB(3, false), {.a = true, .b = true}) ==
        NextBootResult{.slot = SlotId::kB, .trial_tries_left = 2, .after = TrialOfB(2, true)});
}

TEST_CASE("NextBoot: a trial that does not load costs a try and falls", "[bootloader]") {
  CHECK(NextBoot(TrialOfB(1, true), {.a = true}) ==
        NextBootResult{.slot = SlotId::kA, .fell = SlotId::kB, .after = TrialOfB(0, true)});
}

TEST_CASE("NextBoot: the good slot once the tries are used up", "[bootloader]") {
  CHECK(NextBoot(TrialOfB(0, true), {.a = true, .b = true}) ==
        NextBootResult{.slot = SlotId::kA, .after = TrialOfB(0, true)});
}

TEST_CASE("NextBoot: the other slot when the good one does not load", "[bootloader]") {
  CHECK(NextBoot(kGoodA, {.b = true}) ==
        NextBootResult{.slot = SlotId::kB, .fell = SlotId::kA, .after = kGoodA});
  CHECK(NextBoot(kGoodA, {}) == NextBootResult{.fell = SlotId::kA, .after = kGoodA});
}

TEST_CASE("NextBoot: without any state, a slot that loads", "[bootloader]") {
  CHECK(NextBoot(std::nullopt, {.a = true, .b = true}) == NextBootResult{.slot = SlotId::kA});
  CHECK(NextBoot(std::nullopt, {.b = true}) ==
        NextBootResult{.slot = SlotId::kB, .fell = SlotId::kA});
}

TEST_CASE("NextBoot: always boots when a slot loads", "[bootloader]") {
  for (int tries = 0; tries <= kMaximumTries; ++tries) {
    for (const LoadableSlots loadable : {LoadableSlots{.a = true}, LoadableSlots{.b = true}}) {
      const auto next = NextBoot(TrialOfB(tries, true), loadable);
      REQUIRE(next.slot.has_value());
      CHECK(Has(loadable, *next.slot));
    }
  }
}

TEST_CASE("BootState: tells itself to people", "[bootloader]") {
  CHECK(ToString(kGoodB) == "slot b is good");
  CHECK(ToString(TrialOfB(2, true)) == "slot a is good; slot b is on trial, 2 tries left");
  CHECK(ToString(TrialOfB(1, true)) == "slot a is good; slot b is on trial, 1 try left");
  CHECK(ToString(TrialOfB(0, true)) == "slot a is good; slot b is on trial, its tries are used up");
}

}  // namespace ros::bootloader
