#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/upgrade_window.hpp"
#include "config/yaml_tree.hpp"

namespace ros::config {

// What the map `ros.upgrade` of a configuration says: how a machine follows a channel. What it does
// not say is empty.
struct UpgradeSettings {
  // REGISTRY/REPOSITORY:NAME, the channel NAME of the images in that repository.
  std::string channel;
  // When a machine may upgrade itself; none: never.
  std::optional<UpgradeWindow> window;
  // Within it each machine waits for a place of its own, so that a fleet does not come all at once.
  std::chrono::seconds delay{0};

  bool operator==(const UpgradeSettings&) const = default;
};

// Reads them from a whole configuration. Strict, unlike the keys beside them that are free: a
// setting that was misspelled would let a machine upgrade when it should not, or never. Throws
// kUsage "FILE:LINE:COLUMN: why" for a key that is not known and a value that makes no sense;
// whether there is such a registry is not asked.
UpgradeSettings ReadUpgradeSettings(const YamlTree& root, std::string_view file);

}  // namespace ros::config
