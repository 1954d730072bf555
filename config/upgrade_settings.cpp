#include "config/upgrade_settings.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/nearest_name.hpp"
#include "base/shown_text.hpp"

namespace ros::config {
namespace {

constexpr std::string_view kWhere = "ros.upgrade";
constexpr std::array<std::string_view, 1> kKeys = {"channel"};

std::string Quoted(std::string_view text) {
  return "\"" + ShortenText(text) + "\"";
}

[[noreturn]] void Refuse(std::string_view file, Place place, const std::string& why) {
  throw Error(ErrorKind::kUsage, FormatPlace(file, place) + ": " + why);
}

// As far as it can be told without knowing registries: a host, a path, one colon behind it.
bool LooksLikeChannel(std::string_view text) {
  const auto slash = text.find('/');
  const auto colon = text.rfind(':');
  return slash != std::string_view::npos && slash > 0 && colon != std::string_view::npos &&
         colon > slash + 1 && colon + 1 < text.size() && text.find('@') == std::string_view::npos &&
         text.find("//") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

const std::string& Text(const YamlTree::Member& member, std::string_view file) {
  if (!member.value.IsScalar()) {
    Refuse(file, member.value.place, std::string(kWhere) + "." + member.key + " must be a string");
  }
  return member.value.text;
}

std::string ReadChannel(const YamlTree::Member& member, std::string_view file) {
  const auto& text = Text(member, file);
  if (!LooksLikeChannel(text)) {
    Refuse(file,
           member.value.place,
           Quoted(text) +
               " is no channel to follow: write REGISTRY/REPOSITORY:NAME, such as "
               "registry.example/myos:stable");
  }
  return text;
}

void ReadMember(const YamlTree::Member& member, std::string_view file, UpgradeSettings& settings) {
  if (std::ranges::find(kKeys, member.key) == kKeys.end()) {
    const auto nearest = NearestName(member.key, kKeys);
    Refuse(file,
           member.place,
           "unknown key " + Quoted(member.key) + " of " + std::string(kWhere) +
               (nearest.empty() ? "" : " (did you mean " + Quoted(nearest) + "?)"));
  }
  if (!member.value.IsNull()) {
    settings.channel = ReadChannel(member, file);
  }
}

}  // namespace

UpgradeSettings ReadUpgradeSettings(const YamlTree& root, std::string_view file) {
  UpgradeSettings settings;
  const auto* ros = root.Find("ros");
  const auto* upgrade = ros == nullptr ? nullptr : ros->Find("upgrade");
  if (upgrade == nullptr || upgrade->IsNull()) {
    return settings;
  }
  if (!upgrade->IsMap()) {
    Refuse(file, upgrade->place, std::string(kWhere) + " must be a map");
  }
  for (const auto& member : upgrade->members) {
    ReadMember(member, file, settings);
  }
  return settings;
}

}  // namespace ros::config
