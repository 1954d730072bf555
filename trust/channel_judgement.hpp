#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "trust/channel.hpp"
#include "trust/judgement.hpp"

namespace ros::trust {

// A document that was accepted before: the highest serial of a channel, and what it belongs to.
struct AcceptedChannel {
  std::uint64_t serial = 0;
  keys::Digest digest;  // of the document

  bool operator==(const AcceptedChannel&) const = default;
};

// A document as it was shown.
struct ShownChannel {
  Channel channel;
  keys::Digest digest;  // of its bytes

  bool operator==(const ShownChannel&) const = default;
};

// The rules about a document: that it is of the channel that the policy asks for (where it asks),
// that it counts at `now`, does not go back behind what was `accepted` of its channel, and is no
// second one of the same serial. When it was created is not judged: a clock that is behind must not
// refuse it, nor one document set the time for all that follow.
std::vector<RuleResult> JudgeFreshness(const Restrictions& restrictions,
                                       const ShownChannel& shown,
                                       const std::optional<AcceptedChannel>& accepted,
                                       UnixTime now);

// That it halts nothing.
RuleResult JudgeHalt(const Channel& channel);

// Both: what is asked of a document before an image that it lists is taken.
std::vector<RuleResult> JudgeChannel(const Restrictions& restrictions,
                                     const ShownChannel& shown,
                                     const std::optional<AcceptedChannel>& accepted,
                                     UnixTime now);

// The rules about an image in a channel: that this digest is released, as this version, and not
// withdrawn.
std::vector<RuleResult> JudgeRelease(const Channel& channel,
                                     const keys::Digest& image,
                                     std::string_view version);

}  // namespace ros::trust
