#include "installer/channel_text.hpp"

#include "installer/signer_text.hpp"

namespace ros::installer {
namespace {

std::string ShareText(const trust::Release& release) {
  return release.share == 0 ? "withdrawn" : std::to_string(release.share) + " %";
}

}  // namespace

std::string DescribeChannel(const ChannelView& view) {
  const auto& channel = view.channel;
  std::string text = "channel " + channel.name + ", serial " + std::to_string(channel.serial) +
                     "\n  digest    " + view.manifest.ToString() + "\n  signed    " +
                     SignerText(view.signers, view.signature_keys) + "\n  created   " +
                     FormatTime(channel.created) + "\n  counts    until " +
                     FormatTime(channel.not_after) + "\n";
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
      .Set("signers", KeyListToJson(view.signers))
      .Set("signatures", KeyListToJson(view.signature_keys));
}

}  // namespace ros::installer
