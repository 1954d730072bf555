#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "trust/channel.hpp"

namespace ros::installer {

// What `ros channel build` was told.
struct ChannelRequest {
  std::string name;                     // empty: that of `from`
  std::optional<std::uint64_t> serial;  // none: one more than that of `from`
  std::optional<trust::Channel> from;   // the document that this one follows
  UnixTime created = 0;
  UnixTime not_after = 0;
  std::vector<trust::Release> releases;         // new, or in the place of those of their versions
  std::map<std::string, std::uint32_t> shares;  // of versions that are there
  std::vector<std::string> dropped;             // versions that are listed no longer
  enum class Halt { kAsBefore, kHalt, kResume } halt = Halt::kAsBefore;
};

// The document. Throws kUsage for what makes no sense: no name or serial, a serial that does not
// grow, another name than before, a version that is not there, a document that has expired before
// it is published.
trust::Channel MakeChannel(const ChannelRequest& request);

// "IMAGE.oci" or "IMAGE.oci=SHARE": version and digest as the image says; nobody has vouched for
// it yet. Throws as images::OpenImage and InspectImage do, kUsage for a share that is none.
trust::Release ReadRelease(const std::string& text);

// "VERSION=SHARE".
std::pair<std::string, std::uint32_t> ParseShare(const std::string& text);

// When a document ends: "30d", or a length of time as ParseDuration reads it, after `now`.
UnixTime EndAfter(const std::string& length, UnixTime now);
// Or a day, which counts wholly, or a second: "2027-01-31", "2027-01-31T12:00:00Z".
UnixTime EndOn(const std::string& date);

}  // namespace ros::installer
