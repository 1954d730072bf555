#include "installer/channel_text.hpp"

namespace ros::installer {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

std::string SignedBy(const ChannelView& view) {
  if (!view.signers.empty()) {
    return Join(view.signers);
  }
  const auto count = view.signature_keys.size();
  if (count == 0) {
    return "no";
  }
  return "not verified; " + std::to_string(count) + (count == 1 ? " signature" : " signatures") +
         " by the key" + (count == 1 ? " " : "s ") + Join(view.signature_keys);
}

std::string ShareText(const trust::Release& release) {
  return release.share == 0 ? "withdrawn" : std::to_string(release.share) + " %";
}

Json ToList(const std::vector<std::string>& keys) {
  auto list = Json::MakeArray();
  for (const auto& key : keys) {
    list.Append(Json::MakeObject().Set("key", key));
  }
  return list;
}

}  // namespace

std::string DescribeChannel(const ChannelView& view) {
  const auto& channel = view.channel;
  std::string text = "channel " + channel.name + ", serial " + std::to_string(channel.serial) +
                     "\n  digest    " + view.manifest.ToString() + "\n  signed    " +
                     SignedBy(view) + "\n  created   " + FormatTime(channel.created) +
                     "\n  counts    until " + FormatTime(channel.not_after) + "\n";
  if (channel.halted) {
    text += "  HALTED    no upgrade is to be taken\n";
  }
  for (const auto& release : channel.releases) {
    text += "  " + release.version + ", " + ShareText(release) + ": " + release.digest.ToString() +
            (release.image.empty() ? "" : " (" + release.image + ")") + "\n";
  }
  return text + (channel.releases.empty() ? "  nothing is released\n" : "");
}

Json ChannelToJson(const ChannelView& view) {
  return trust::ToJson(view.channel)
      .Set("digest", view.manifest.ToString())
      .Set("verified", !view.signers.empty())
      .Set("signers", ToList(view.signers))
      .Set("signatures", ToList(view.signature_keys));
}

}  // namespace ros::installer
