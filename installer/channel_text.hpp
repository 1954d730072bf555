#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "keys/digest.hpp"
#include "trust/channel.hpp"

namespace ros::installer {

// A channel document as it is shown by `ros channel show` and `verify`.
struct ChannelView {
  trust::Channel channel;
  keys::Digest manifest;
  std::vector<std::string> signers;         // who was found to have signed; empty: nobody looked
  std::vector<std::string> signature_keys;  // a fingerprint for each signature, verified or not
};

std::string DescribeChannel(const ChannelView& view);
// What the document says, and `digest`, `verified`, `signers` and `signatures` beside it.
Json ChannelToJson(const ChannelView& view);

}  // namespace ros::installer
