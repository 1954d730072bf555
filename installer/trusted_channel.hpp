#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "installer/channel_memory.hpp"
#include "installer/image_location.hpp"
#include "installer/trust_explanation.hpp"
#include "installer/trust_rules.hpp"
#include "keys/digest.hpp"
#include "trust/channel_judgement.hpp"

namespace ros::installer {

// A channel document that counts now: its signatures and what it says of itself meet the rules.
struct TrustedChannel {
  trust::ShownChannel shown;
  keys::Digest manifest;
  std::vector<std::string> signers;  // names and fingerprints
};

// Opens and judges a document (trust/channel_judgement.hpp). It is signed as the policy says of its
// channel, or as images are where the policy asks for none. `memory` is what this machine has
// accepted before. Throws as OpenImageAt and images::VerifyChannel do, and kVerification with the
// rule that is not met.
TrustedChannel OpenTrustedChannel(const ImageLocation& location,
                                  const TrustRules& rules,
                                  const ChannelMemory& memory);

// The same, but for the halt, which is not judged: for who follows a channel and asks
// trust::ChooseRelease, which takes nothing from a channel that is halted.
TrustedChannel OpenFreshChannel(const ImageLocation& location,
                                const TrustRules& rules,
                                const ChannelMemory& memory);

// The same as OpenTrustedChannel, explained. Throws only where the document cannot be opened at
// all.
TrustExplanation ExplainChannel(const ImageLocation& location,
                                const TrustRules& rules,
                                const ChannelMemory& memory);

// What an image is to be judged with.
struct ChannelChoice {
  std::string named;    // where a document is; empty: none was named
  ImageLocation image;  // the document is looked for beside it
};

// The document: the one that is named, or, where the policy asks for a channel, the one beside the
// image: NAME.channel.oci in its directory if that is there, the tag NAME.channel in its
// repository; none is looked for beside an image on a web
// server or from standard input. Throws kUsage where both are to come from standard input.
std::optional<ImageLocation> FindChannel(const trust::Policy& policy, const ChannelChoice& choice);

// The rules with the channel in them: where there is a document it is judged, and OpenTrustedImage
// asks whether it has released the image. `memory` is called for that alone. Throws as
// OpenTrustedChannel does.
TrustRules WithChannel(TrustRules rules,
                       const ChannelChoice& choice,
                       const std::function<ChannelMemory()>& memory);

}  // namespace ros::installer
