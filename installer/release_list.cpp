#include "installer/release_list.hpp"

#include <algorithm>
#include <iterator>

#include "base/shown_text.hpp"
#include "images/channel_archive.hpp"
#include "installer/disk_picture.hpp"
#include "installer/followed_text.hpp"
#include "registry/connection.hpp"

namespace ros::installer {
namespace {

constexpr const char* kSignatureBegin = "sha256-";

// The slot that holds this image; none where neither does.
const SlotContent* SlotWith(const Status& status, const trust::Release& release) {
  const auto digest = release.digest.ToString();
  const auto found = std::ranges::find_if(status.slots, [&](const SlotContent& content) {
    return content.complete && content.digest == digest;
  });
  return found == status.slots.end() ? nullptr : &*found;
}

std::string SlotText(const Status& status, const trust::Release& release) {
  const auto* content = SlotWith(status, release);
  return content == nullptr
             ? std::string()
             : std::string(Name(content->slot)) + ", " + SlotStateText(status, content->slot) +
                   (status.running == content->slot ? ", running" : "");
}

bool IsIn(const ReleaseList& list, const trust::Release& release) {
  return trust::IsInWave(list.found.machine, release.version, release.share);
}

std::uint32_t PlaceIn(const ReleaseList& list, const trust::Release& release) {
  return trust::WavePlace(list.found.machine, release.version);
}

// Whether it is refused here without --retry.
bool IsBad(const ReleaseList& list, const trust::Release& release) {
  return std::ranges::find(list.found.bad, release.digest.ToString()) != list.found.bad.end();
}

std::string TurnText(const ReleaseList& list, const trust::Release& release) {
  if (IsBad(list, release)) {
    return "no, it was rolled back here";
  }
  return IsIn(list, release) ? "yes"
                             : "not yet, its place is at " + PlaceText(PlaceIn(list, release));
}

std::vector<std::string> RowOf(const ReleaseList& list,
                               const Status& status,
                               const trust::Release& release) {
  if (release.share == 0) {
    return {release.version, "withdrawn", "", SlotText(status, release)};
  }
  return {release.version,
          std::to_string(release.share) + " %",
          TurnText(list, release),
          SlotText(status, release)};
}

Json ReleaseToJson(const ReleaseList& list, const Status& status, const trust::Release& release) {
  auto json = Json::MakeObject()
                  .Set("version", release.version)
                  .Set("digest", release.digest.ToString())
                  .Set("share", std::uint64_t{release.share})
                  .Set("withdrawn", release.share == 0)
                  .Set("place", PlaceText(PlaceIn(list, release)))
                  .Set("in_wave", IsIn(list, release))
                  .Set("rolled_back", IsBad(list, release));
  if (const auto* content = SlotWith(status, release)) {
    json.Set("slot", Name(content->slot))
        .Set("good", status.state().good == content->slot)
        .Set("running", status.running == content->slot);
  }
  return json;
}

}  // namespace

std::vector<std::string> ImageTags(const std::vector<std::string>& tags) {
  std::vector<std::string> images;
  std::ranges::copy_if(tags, std::back_inserter(images), [](const std::string& tag) {
    return !tag.starts_with(kSignatureBegin) && !tag.ends_with(images::kChannelTagEnding);
  });
  return images;
}

ReleaseList ListReleases(const Machine& machine,
                         const TrustRules& rules,
                         const registry::ConnectionOptions& connection) {
  auto found = FindRelease(machine, rules, {.connection = connection});
  registry::Connection to(connection, found.followed.repository);
  return {.found = std::move(found), .tags = ImageTags(to.repository().ListTags())};
}

std::string DescribeSlotImages(const Status& status) {
  std::string text;
  for (const auto& content : status.slots) {
    if (content.config) {
      text += content.config->name + ":" + content.config->version + " slot " +
              std::string(Name(content.slot)) + " " + SlotStateText(status, content.slot) +
              (status.running == content.slot ? " running" : "") + "\n";
    }
  }
  return text;
}

std::string DescribeReleases(const ReleaseList& list, const Status& status) {
  const auto& channel = list.found.document.shown.channel;
  std::string text = "channel " + list.found.followed.ToString() + ", serial " +
                     std::to_string(channel.serial) + (channel.halted ? ", HALTED" : "") + "\n";
  std::vector<std::vector<std::string>> rows = {{"version", "share", "this machine", "slot"}};
  for (const auto& release : channel.releases) {
    rows.push_back(RowOf(list, status, release));
  }
  text += channel.releases.empty() ? "nothing is released\n" : FormatTable(rows);
  text += "tags of " + list.found.followed.repository.Name() + ":";
  for (const auto& tag : list.tags) {
    text += " " + ShowText(tag);
  }
  return text + (list.tags.empty() ? " none\n" : "\n") + DescribeFollowed(list.found) + "\n";
}

Json ReleasesToJson(const ReleaseList& list, const Status& status) {
  const auto& channel = list.found.document.shown.channel;
  auto releases = Json::MakeArray();
  for (const auto& release : channel.releases) {
    releases.Append(ReleaseToJson(list, status, release));
  }
  auto tags = Json::MakeArray();
  for (const auto& tag : list.tags) {
    tags.Append(tag);
  }
  auto json = Json::MakeObject()
                  .Set("follows", list.found.followed.ToString())
                  .Set("serial", channel.serial)
                  .Set("halted", channel.halted)
                  .Set("message", DescribeFollowed(list.found));
  if (list.found.is_available()) {
    json.Set("take", list.found.choice.release.version);
  }
  return json.Set("releases", std::move(releases)).Set("tags", std::move(tags));
}

}  // namespace ros::installer
