#include "config/upgrade_settings.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/nearest_name.hpp"
#include "base/shown_text.hpp"

namespace ros::config {
namespace {

constexpr std::string_view kWhere = "ros.upgrade";
constexpr std::array<std::string_view, 3> kKeys = {"channel", "window", "delay"};
constexpr std::chrono::hours kLongestDelay(24);
// The tag of a channel's document is the channel's name with this behind it.
constexpr std::string_view kDocumentEnding = ".channel";

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
    RefuseAt(
        file, member.value.place, std::string(kWhere) + "." + member.key + " must be a string");
  }
  return member.value.text;
}

std::string ReadChannel(const YamlTree::Member& member, std::string_view file) {
  const auto& text = Text(member, file);
  if (!LooksLikeChannel(text)) {
    RefuseAt(file,
             member.value.place,
             QuoteText(text) +
                 " is no channel to follow: write REGISTRY/REPOSITORY:NAME, such as "
                 "registry.example/myos:stable");
  }
  if (text.ends_with(kDocumentEnding)) {
    RefuseAt(file,
             member.value.place,
             QuoteText(text) + " is where the channel's document is; the channel itself is " +
                 QuoteText(text.substr(0, text.size() - kDocumentEnding.size())));
  }
  return text;
}

std::chrono::seconds ReadDelay(const std::string& text) {
  const auto delay = ParseDuration(text);
  if (delay > kLongestDelay) {
    throw Error(ErrorKind::kUsage, "a delay of " + text + " is longer than a day");
  }
  return delay;
}

// What `read` gives; an error of it gets the place of the value in front.
template <typename Read>
auto Placed(const YamlTree::Member& member, std::string_view file, Read&& read) {
  return InContext(FormatPlace(file, member.value.place), std::forward<Read>(read));
}

void ReadMember(const YamlTree::Member& member, std::string_view file, UpgradeSettings& settings) {
  if (member.value.IsNull()) {
    return;  // Takes back a key of the file below, whatever it is called.
  }
  if (std::ranges::find(kKeys, member.key) == kKeys.end()) {
    const auto nearest = NearestName(member.key, kKeys);
    RefuseAt(file,
             member.place,
             "unknown key " + QuoteText(member.key) + " of " + std::string(kWhere) +
                 (nearest.empty() ? "" : " (did you mean " + QuoteText(nearest) + "?)"));
  }
  if (member.key == "channel") {
    settings.channel = ReadChannel(member, file);
  } else if (member.key == "window") {
    settings.window = Placed(member, file, [&] { return ParseUpgradeWindow(Text(member, file)); });
  } else {
    settings.delay = Placed(member, file, [&] { return ReadDelay(Text(member, file)); });
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
    RefuseAt(file, upgrade->place, std::string(kWhere) + " must be a map");
  }
  for (const auto& member : upgrade->members) {
    ReadMember(member, file, settings);
  }
  return settings;
}

}  // namespace ros::config
