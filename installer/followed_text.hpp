#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "installer/followed_channel.hpp"

namespace ros::installer {

// What a channel has for this machine, in a sentence: what would be taken, or why nothing is and
// what to do.
std::string DescribeFollowed(const FollowedRelease& found);

// {"available", "state", "message", "running", "channel", "release"}.
Json FollowedToJson(const FollowedRelease& found);

// The same as metrics in the text format of Prometheus, for node_exporter's directory of text
// files; `now` is when it was looked for.
std::string FollowedMetrics(const FollowedRelease& found, UnixTime now);

// "42.17 %", of hundredths of a percent.
std::string PlaceText(std::uint32_t place);

}  // namespace ros::installer
