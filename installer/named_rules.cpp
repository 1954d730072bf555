#include "installer/named_rules.hpp"

#include <filesystem>

namespace ros::installer {
namespace {

bool IsOfMachine(const NamedRules& named) {
  return named.trust.empty() && named.keys.empty() && RunningBootArguments();
}

}  // namespace

TrustRules RulesOf(const NamedRules& named) {
  const SystemClock clock;
  if (!named.trust.empty()) {
    return RulesOfFile(named.trust, clock.Now());
  }
  if (IsOfMachine(named)) {
    return FindTrustRules(OpenRunningMachine(), clock);
  }
  const std::vector<std::filesystem::path> paths(named.keys.begin(), named.keys.end());
  return RulesOfKeys(keys::TrustStore::FromFiles(paths), clock.Now());
}

ChannelMemory ChannelMemoryOf(const NamedRules& named) {
  return IsOfMachine(named) ? ReadChannelMemory(kStateDirectory) : ChannelMemory();
}

}  // namespace ros::installer
