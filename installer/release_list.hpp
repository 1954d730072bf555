#pragma once

#include <string>
#include <vector>

#include "installer/followed_channel.hpp"
#include "installer/status.hpp"

namespace ros::installer {

// What `ros os list` tells of the channel that this machine follows.
struct ReleaseList {
  FollowedRelease found;
  std::vector<std::string> tags;  // of the repository's images
};

// Fetches it. Throws as FindRelease and Repository::ListTags do.
ReleaseList ListReleases(const Machine& machine,
                         const TrustRules& rules,
                         const registry::ConnectionOptions& connection);

// The tags that may be images: without signatures ("sha256-<hex>.sig" and the like, as cosign calls
// them) and documents of channels.
std::vector<std::string> ImageTags(const std::vector<std::string>& tags);

// A line for each slot that holds an image: "myos:1.2.0 slot a good running".
std::string DescribeSlotImages(const Status& status);

// For people: the channel, a line for each release in its order (the newest last) with its share,
// whether this machine is in it and which slot has it, and the tags.
std::string DescribeReleases(const ReleaseList& list, const Status& status);

// {"follows", "serial", "halted", "take", "releases": [...]}; "take" is the version that `ros
// upgrade` would take, where there is one.
Json ReleasesToJson(const ReleaseList& list, const Status& status);

}  // namespace ros::installer
