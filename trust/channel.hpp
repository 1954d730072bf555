#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "keys/digest.hpp"

namespace ros::trust {

// Limits on what is read.
inline constexpr Bytes kMaxChannelSize = Bytes{64} << 10U;
inline constexpr std::size_t kMaxReleases = 256;
// JSON has no larger whole numbers that every reader takes.
inline constexpr std::uint64_t kMaxSerial = (std::uint64_t{1} << 53U) - 1;
inline constexpr std::uint32_t kWholeShare = 100;

// A version that a channel has released.
struct Release {
  std::string version;
  keys::Digest digest;                // of the image's manifest
  std::uint32_t share = kWholeShare;  // percent of the machines; 0: withdrawn
  std::string image;                  // where it can be had, for who fetches it; may be empty

  bool operator==(const Release&) const = default;
};

// A channel document (docs/channel-format.md): what is released, as of one moment and until
// another.
struct Channel {
  std::string name;
  std::uint64_t serial = 0;  // grows with each document of the channel
  UnixTime created = 0;
  UnixTime not_after = 0;  // the last second at which it counts
  bool halted = false;     // nothing is to be taken at all
  std::vector<Release> releases;

  bool operator==(const Channel&) const = default;
};

// Reads a document. Strict: a key that is not known is refused, for a rule that is not understood
// is not passed over. Throws kVerification "the channel document: PLACE: why" for that, for the
// same version or digest twice, and for each limit.
Channel ParseChannel(std::string_view raw);

// Always the same bytes for the same value. Throws as ParseChannel does when it would not be read
// back.
std::string WriteChannel(const Channel& channel);
Json ToJson(const Channel& channel);

// The release with this digest; null when there is none.
const Release* FindRelease(const Channel& channel, const keys::Digest& digest);

// Whether a text may name a channel: letters, digits, `-`, `_` and `.`, beginning with a letter or
// digit, at most 64. It is part of a file's name.
bool IsChannelName(std::string_view text);

// A machine's place in the roll-out of a version, in hundredths of a percent: 0 to 9999. Each
// version has another order of machines. `machine` is anything that is the machine's own and stays,
// such as its machine-id.
std::uint32_t WavePlace(std::string_view machine, std::string_view version);

// Whether a machine is among the first `share` percent that take a version: it is when its place is
// less, so a machine that is in stays in when the share grows.
bool IsInWave(std::string_view machine, std::string_view version, std::uint32_t share);

}  // namespace ros::trust
