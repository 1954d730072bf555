#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/cloud_config.hpp"
#include "config/upgrade_settings.hpp"
#include "config/yaml_tree.hpp"

namespace ros::config {

// The machine's configuration in a directory (STATE/config):
//   cloud-config.yml   what `ros install -c` was given; never changed afterwards
//   user.yml           what `ros config set` and `merge` said; laid over the first
// Both mode 0600: they may hold secrets. Either may be missing.
class ConfigFiles {
 public:
  explicit ConfigFiles(std::filesystem::path directory);

  // Both files merged: maps member by member, anything else replaced by user.yml's. Throws kUsage
  // naming file and place when one does not parse.
  [[nodiscard]] YamlTree Merged() const;

  // The merged configuration as data, with the warnings of both files naming their own lines.
  [[nodiscard]] CloudConfig Load() const;

  // What it says of upgrades. Throws as ReadUpgradeSettings does.
  [[nodiscard]] UpgradeSettings Upgrade() const;

  // The value of a dotted key ("ros.upgrade.channel"): a scalar's bare text, or YAML for a list or
  // a map; ends with a newline. Throws kFailed 'key "KEY" is not set' when it is missing.
  [[nodiscard]] std::string Get(std::string_view key) const;

  // Puts a value into user.yml; `value` is YAML ("[a, b]" is a list). Returns warnings. Throws
  // kUsage, with nothing written, when nothing reads such a key, when the value does not parse,
  // when a part of the key is there and is no map, or when the configuration would no longer be
  // valid.
  std::vector<std::string> Set(std::string_view key, std::string_view value) const;

  // Lays a whole cloud-config over user.yml. As Set.
  std::vector<std::string> Merge(std::string_view text, std::string_view file) const;

  // The merged configuration as YAML with its "#cloud-config" line.
  [[nodiscard]] std::string Export() const;

 private:
  void StoreUser(const YamlTree& tree) const;

  std::filesystem::path directory_;
};

// The name of the file in a state directory's config/ that `ros install -c FILE` fills.
inline constexpr std::string_view kInstalledConfigName = "cloud-config.yml";

}  // namespace ros::config
