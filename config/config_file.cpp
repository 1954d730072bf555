#include "config/config_file.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/nearest_name.hpp"

namespace ros::config {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUserName = "user.yml";
constexpr std::string_view kHeader = "#cloud-config\n";
constexpr mode_t kSecret = 0600;

struct SourceFile {
  std::string text;
  std::string name;
};

SourceFile ReadSource(const fs::path& path) {
  std::error_code code;
  const bool there = fs::exists(path, code);
  if (code) {
    throw Error(ErrorKind::kFailed,
                "the configuration in " + path.parent_path().string() +
                    " cannot be read: " + code.message() + "; it may hold secrets, so ask as root");
  }
  return {there ? ReadFile(path, YamlLimits().size) : std::string(), path.string()};
}

// A parsed file as a map: one that is missing or empty is a map without members.
YamlTree ParseMap(const SourceFile& source) {
  auto tree = ParseYaml(source.text, source.name);
  if (tree.IsNull()) {
    tree.kind = YamlTree::Kind::kMap;
  }
  if (!tree.IsMap()) {
    throw Error(
        ErrorKind::kUsage,
        FormatPlace(source.name, tree.place) + ": a cloud-config is a map of keys and values");
  }
  return tree;
}

std::vector<std::string> SplitKey(std::string_view key) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= key.size();) {
    const auto end = std::min(key.find('.', at), key.size());
    if (end == at) {
      throw Error(ErrorKind::kUsage, "\"" + std::string(key) + "\" is no key such as a.b.c");
    }
    parts.emplace_back(key.substr(at, end - at));
    at = end + 1;
  }
  if (parts.size() > static_cast<std::size_t>(YamlLimits().depth)) {
    throw Error(ErrorKind::kUsage, "a key with that many parts is too deep");
  }
  return parts;
}

// A file may carry what others read; a key that somebody types is meant for us.
void RefuseUnknown(const std::string& key) {
  const auto known = KnownKeys();
  if (std::find(known.begin(), known.end(), key) != known.end()) {
    return;
  }
  const auto nearest = NearestName(key, known);
  throw Error(ErrorKind::kUsage,
              "unknown key \"" + key + "\"" +
                  (nearest.empty() ? "; see ros-config(8) for those that are known"
                                   : " (did you mean \"" + std::string(nearest) + "\"?)"));
}

// The value wrapped into maps: {a: {b: value}} for a.b.
YamlTree Nested(const std::vector<std::string>& parts, YamlTree value) {
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    YamlTree map;
    map.kind = YamlTree::Kind::kMap;
    map.members.push_back({*part, {}, std::move(value)});
    value = std::move(map);
  }
  return value;
}

// A value that was given on the command line stands in no file.
void ForgetPlaces(YamlTree& tree) {
  tree.place = {};
  for (auto& item : tree.items) {
    ForgetPlaces(item);
  }
  for (auto& member : tree.members) {
    member.place = {};
    ForgetPlaces(member.value);
  }
}

// Unlike MergeYaml, `set` replaces a map as a whole; parts of the key that are missing are made.
void Put(YamlTree& tree, std::span<const std::string> parts, YamlTree value) {
  if (tree.IsNull()) {
    tree.kind = YamlTree::Kind::kMap;
  }
  if (!tree.IsMap()) {
    throw Error(ErrorKind::kUsage,
                "\"" + parts.front() + "\" cannot be set below a value that is no map");
  }
  auto* member = tree.Find(parts.front());
  if (member == nullptr) {
    tree.members.push_back({parts.front(), {}, {}});
    member = &tree.members.back().value;
  }
  if (parts.size() == 1) {
    *member = std::move(value);
  } else {
    Put(*member, parts.subspan(1), std::move(value));
  }
}

}  // namespace

ConfigFiles::ConfigFiles(fs::path directory) : directory_(std::move(directory)) {}

YamlTree ConfigFiles::Merged() const {
  return MergeYaml(ParseMap(ReadSource(directory_ / kInstalledConfigName)),
                   ParseMap(ReadSource(directory_ / kUserName)));
}

CloudConfig ConfigFiles::Load() const {
  std::vector<std::string> warnings;
  for (const auto name : {kInstalledConfigName, kUserName}) {
    const auto source = ReadSource(directory_ / name);
    auto found = ParseCloudConfig(source.text, source.name).warnings;
    warnings.insert(warnings.end(), found.begin(), found.end());
  }
  auto config = ReadCloudConfig(Merged(), directory_.string());
  config.warnings = std::move(warnings);
  return config;
}

UpgradeSettings ConfigFiles::Upgrade() const {
  return ReadUpgradeSettings(Merged(), directory_.string());
}

std::string ConfigFiles::Get(std::string_view key) const {
  const auto parts = SplitKey(key);
  const auto merged = Merged();
  const auto* value = &merged;
  for (const auto& part : parts) {
    value = value->Find(part);
    if (value == nullptr || value->IsNull()) {
      throw Error(ErrorKind::kFailed, "key \"" + std::string(key) + "\" is not set");
    }
  }
  return value->IsScalar() ? value->text + "\n" : EmitYaml(*value);
}

std::vector<std::string> ConfigFiles::Set(std::string_view key, std::string_view value) const {
  const auto parts = SplitKey(key);
  auto tree = ParseYaml(value, "value of " + std::string(key));
  ForgetPlaces(tree);
  RefuseUnknown(parts.front());
  auto user = ParseMap(ReadSource(directory_ / kUserName));
  const auto alone = Nested(parts, tree);
  static_cast<void>(ReadUpgradeSettings(alone, key));
  auto warnings = ReadCloudConfig(alone, key).warnings;
  Put(user, parts, std::move(tree));
  StoreUser(user);
  return warnings;
}

std::vector<std::string> ConfigFiles::Merge(std::string_view text, std::string_view file) const {
  auto warnings = ParseCloudConfig(text, file).warnings;
  const auto over = ParseMap({std::string(text), std::string(file)});
  static_cast<void>(ReadUpgradeSettings(over, file));
  StoreUser(MergeYaml(ParseMap(ReadSource(directory_ / kUserName)), over));
  return warnings;
}

std::string ConfigFiles::Export() const {
  const auto merged = Merged();
  return std::string(kHeader) + (merged.members.empty() ? "" : EmitYaml(merged));
}

void ConfigFiles::StoreUser(const YamlTree& tree) const {
  const auto installed = ParseMap(ReadSource(directory_ / kInstalledConfigName));
  static_cast<void>(ReadCloudConfig(MergeYaml(installed, tree), directory_.string()));
  const auto text = std::string(kHeader) + EmitYaml(tree);
  // What is stored must be readable again, whatever the limits say about the merged size.
  static_cast<void>(ParseYaml(text, (directory_ / kUserName).string()));
  InContext("storing the configuration", [&] {
    fs::create_directories(directory_);
    fs::permissions(directory_, fs::perms::owner_all);
    WriteFileAtomically(directory_ / kUserName, AsBytes(text), kSecret);
  });
}

}  // namespace ros::config
