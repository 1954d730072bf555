#include "trust/release_choice.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

namespace ros::trust {
namespace {

ReleaseChoice Of(Choice choice, const Release& release, const Follower& follower) {
  return {
      .choice = choice, .release = release, .place = WavePlace(follower.machine, release.version)};
}

Choice ChoiceOf(const Release& release, const Follower& follower, const ChoiceWish& wish) {
  const auto digest = release.digest.ToString();
  if (wish.bad == ChoiceWish::Bad::kPassOver &&
      std::ranges::find(follower.bad, digest) != follower.bad.end()) {
    return Choice::kRolledBack;
  }
  const bool in = wish.wave == ChoiceWish::Wave::kJump ||
                  IsInWave(follower.machine, release.version, release.share);
  return in ? Choice::kTake : Choice::kWaits;
}

// The newest of these that may be taken; else why the newest that is not withdrawn may not; none
// where all are withdrawn.
std::optional<ReleaseChoice> ChooseAmong(std::span<const Release> releases,
                                         const Follower& follower,
                                         const ChoiceWish& wish) {
  std::optional<ReleaseChoice> passed_over;
  for (auto release = releases.rbegin(); release != releases.rend(); ++release) {
    if (release->share == 0) {
      continue;
    }
    const auto choice = Of(ChoiceOf(*release, follower, wish), *release, follower);
    if (choice.choice == Choice::kTake) {
      return choice;
    }
    if (!passed_over) {
      passed_over = choice;
    }
  }
  return passed_over;
}

// What runs is withdrawn, and there is nothing newer.
ReleaseChoice ChooseBefore(std::span<const Release> older,
                           const Follower& follower,
                           const ChoiceWish& wish) {
  const auto found = ChooseAmong(older, follower, wish);
  if (found && wish.older == ChoiceWish::Older::kWhenWithdrawn) {
    return *found;
  }
  return found ? Of(Choice::kWithdrawn, found->release, follower)
               : ReleaseChoice{.choice = Choice::kWithdrawn, .release = {}};
}

}  // namespace

std::string_view Name(Choice choice) {
  switch (choice) {
    case Choice::kTake:
      return "take";
    case Choice::kUpToDate:
      return "up-to-date";
    case Choice::kWaits:
      return "waits";
    case Choice::kRolledBack:
      return "rolled-back";
    case Choice::kWithdrawn:
      return "withdrawn";
    case Choice::kHalted:
      return "halted";
    case Choice::kNothing:
      return "nothing";
  }
  return "";
}

ReleaseChoice ChooseRelease(const Channel& channel,
                            const Follower& follower,
                            const ChoiceWish& wish) {
  if (channel.halted) {
    return {.choice = Choice::kHalted, .release = {}};
  }
  const std::span<const Release> all = channel.releases;
  const auto running = std::ranges::find_if(
      all, [&](const Release& release) { return release.digest.ToString() == follower.running; });
  const bool listed = running != all.end();
  const auto before = static_cast<std::size_t>(std::distance(all.begin(), running));
  const auto newer = listed ? all.subspan(before + 1) : all;
  const bool is_withdrawn = listed && running->share == 0;
  const auto found = ChooseAmong(newer, follower, wish);
  if (found && (found->choice == Choice::kTake || !is_withdrawn)) {
    return *found;
  }
  if (!listed) {
    return {.choice = Choice::kNothing, .release = {}};
  }
  return is_withdrawn ? ChooseBefore(all.first(before), follower, wish)
                      : Of(Choice::kUpToDate, *running, follower);
}

}  // namespace ros::trust
