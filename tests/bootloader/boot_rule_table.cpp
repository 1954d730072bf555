#include "boot_rule_table.hpp"

namespace ros::bootloader::test {
namespace {

constexpr LoadableSlots kEveryLoadable[] = {{.a = true, .b = true}, {.a = true}, {.b = true}, {}};

BootState TrialOf(SlotId slot, int tries_left) {
  return {.good = Other(slot),
          .trial =
              Trial{.slot = slot, .tries_left = tries_left, .started = tries_left < kDefaultTries}};
}

// Every state that a machine comes to.
std::vector<BootState> EveryState() {
  std::vector<BootState> states;
  for (const auto good : {SlotId::kA, SlotId::kB}) {
    states.push_back({.good = good});
    for (int tries = 0; tries <= kMaximumTries; ++tries) {
      states.push_back(TrialOf(Other(good), tries));
    }
  }
  return states;
}

}  // namespace

std::optional<BootState> Situation::Readable() const {
  switch (spoilt) {
    case SpoiltCopies::kNone:
      return state;
    case SpoiltCopies::kFirst:
      return BootState{.good = state.good};
    case SpoiltCopies::kBoth:
      return std::nullopt;
  }
  return std::nullopt;
}

std::ostream& operator<<(std::ostream& out, const Situation& situation) {
  out << ToString(situation.state);
  if (situation.spoilt != SpoiltCopies::kNone) {
    out << (situation.spoilt == SpoiltCopies::kFirst ? "; first copy spoilt" : "; both spoilt");
  }
  return out << "; slot a loads: " << situation.loadable.a
             << ", slot b loads: " << situation.loadable.b;
}

std::vector<Situation> EverySituation() {
  std::vector<Situation> situations;
  for (const auto& loadable : kEveryLoadable) {
    for (const auto& state : EveryState()) {
      situations.push_back({.state = state, .loadable = loadable});
    }
    for (const auto good : {SlotId::kA, SlotId::kB}) {
      for (const auto spoilt : {SpoiltCopies::kFirst, SpoiltCopies::kBoth}) {
        // With a trial: what is left of the first copy must not be believed.
        situations.push_back(
            {.state = TrialOf(Other(good), 2), .spoilt = spoilt, .loadable = loadable});
      }
    }
  }
  return situations;
}

std::vector<Situation> SituationsOfEachKind() {
  constexpr auto kA = SlotId::kA;
  constexpr auto kB = SlotId::kB;
  return {
      {.state = {.good = kA}},
      {.state = {.good = kB}},
      {.state = TrialOf(kB, kDefaultTries)},
      {.state = TrialOf(kA, 1)},
      {.state = TrialOf(kB, 0)},
      {.state = TrialOf(kB, kDefaultTries), .loadable = {.a = true}},
      {.state = {.good = kA}, .loadable = {.b = true}},
      {.state = {.good = kB}, .loadable = {}},
      {.state = TrialOf(kA, 2), .spoilt = SpoiltCopies::kFirst},
      {.state = TrialOf(kA, 2), .spoilt = SpoiltCopies::kFirst, .loadable = {.a = true}},
      {.state = TrialOf(kA, 2), .spoilt = SpoiltCopies::kBoth},
  };
}

}  // namespace ros::bootloader::test
