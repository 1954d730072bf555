#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trust/channel.hpp"

namespace ros::trust {

// A machine that follows a channel, as the choice of a release sees it.
struct Follower {
  std::string machine;                // what is its own and stays, as IsInWave takes it
  std::string running;                // digest of the image that runs; empty where nothing tells
  std::vector<std::string> bad = {};  // digests of images that were rolled back here

  bool operator==(const Follower&) const = default;
};

// What a person may ask for beyond what a machine does by itself. Nothing lifts a halt, and a
// release that is withdrawn is never taken.
struct ChoiceWish {
  // Whether a machine waits for the share that it is in, or takes what is out for any share.
  enum class Wave { kWait, kJump } wave = Wave::kWait;

  // Whether a machine whose running release is withdrawn may take one listed before it.
  enum class Older { kNever, kWhenWithdrawn } older = Older::kNever;

  // Whether images that were rolled back here are passed over.
  enum class Bad { kPassOver, kRetry } bad = Bad::kPassOver;

  bool operator==(const ChoiceWish&) const = default;
};

enum class Choice {
  kTake,        // `release` is for this machine
  kUpToDate,    // the newest that this machine may take is running
  kWaits,       // `release` is not for this machine yet: its share is smaller than `place`
  kRolledBack,  // `release` was rolled back here
  kWithdrawn,   // what runs is withdrawn, and nothing newer is for this machine; `release` is what
                // there is before it, with an empty version where there is nothing
  kHalted,      // nobody takes anything
  kNothing,     // nothing is released
};

// "take", "up-to-date", "waits", "rolled-back", "withdrawn", "halted", "nothing".
std::string_view Name(Choice choice);

struct ReleaseChoice {
  Choice choice = Choice::kNothing;
  Release release;
  std::uint32_t place = 0;  // WavePlace of this machine for `release`

  bool operator==(const ReleaseChoice&) const = default;
};

// What a machine that follows a channel takes. The order of the document decides which release is
// newer, the last one being the newest: a version is a name, and names have no order
// (docs/channel-format.md). Taken is the newest release that is not withdrawn, whose wave the
// machine is in and that was not rolled back here, of those listed behind the one that runs, or of
// all where what runs is not listed. Pure: the document has been judged before
// (channel_judgement.hpp), but for its halt.
ReleaseChoice ChooseRelease(const Channel& channel,
                            const Follower& follower,
                            const ChoiceWish& wish = {});

}  // namespace ros::trust
