#pragma once

#include <string>
#include <vector>

#include "installer/channel_memory.hpp"
#include "installer/trust_rules.hpp"

namespace ros::installer {

// What a `verify` command was told to judge by: keys, or a policy, or neither: then by what this
// machine judges by.
struct NamedRules {
  std::vector<std::string> keys;
  std::string trust;
};

TrustRules RulesOf(const NamedRules& named);

// What this machine has accepted of channels, where it judges by its own rules; nothing elsewhere.
ChannelMemory ChannelMemoryOf(const NamedRules& named);

}  // namespace ros::installer
